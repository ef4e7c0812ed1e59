"""A route, compiled: everything that deciding and forwarding one of its requests needs, looked up once at start."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ostiary.decision.stages import Authorizer, Propagator
    from ostiary.limit.limiter import Limiter
    from ostiary.observe.metrics import RouteMetrics
    from ostiary.proxy.pool import UpstreamPool


class Policy:
    """What an identity must meet and what it is given; shared by all routes that say the same.

    Compared by identity: what a verified token was granted is remembered under its policy.
    """

    __slots__ = ("authorizers", "limiter", "propagator")

    def __init__(self, authorizers: tuple[Authorizer, ...], propagator: Propagator, limiter: Limiter | None) -> None:
        self.authorizers = authorizers
        self.propagator = propagator
        self.limiter = limiter


class Route:
    """One rule of the configuration."""

    __slots__ = (
        "anonymous", "issuers", "metrics", "name", "origins", "policy", "upstream", "websocket", "websocket_cookie",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913  # what the configuration says of a route
        self,
        name: str,
        issuers: frozenset[str],
        policy: Policy,
        upstream: UpstreamPool,
        metrics: RouteMetrics,
        *,
        anonymous: bool,
        websocket: bool = False,
        origins: frozenset[bytes] | None = None,
        websocket_cookie: bytes = b"",
    ) -> None:
        self.name = name
        self.issuers = issuers
        self.anonymous = anonymous
        self.policy = policy
        self.upstream = upstream
        self.metrics = metrics
        self.websocket = websocket
        """Whether its requests may ask for a WebSocket."""
        self.origins = origins
        """Of the pages that may; None: all."""
        self.websocket_cookie = websocket_cookie
        """The name of the cookie in which they may bring a token; empty: none."""
