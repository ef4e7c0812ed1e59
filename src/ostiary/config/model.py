"""What an operator can write: the configuration as frozen types.

Every model refuses unknown keys (law 6). Durations are seconds, sizes are bytes, rates are tokens per second, whatever
the unit they were written in. Defaults are those of the documented table; each field's description becomes the JSON
Schema that editors complete from.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ostiary.config.base import Model
from ostiary.config.issuer import Algorithm, Claims, Issuer, Keys
from ostiary.config.limits import Bucket, Limit, Tiers
from ostiary.config.listener import (
    Admin,
    Bounds,
    Certificate,
    ClientCertificates,
    Hsts,
    ProxyProtocol,
    Server,
    Timeouts,
    Tls,
    WebSockets,
)
from ostiary.config.references import LogPath, Secret
from ostiary.config.route import ClaimRule, IdentityHeaders, Match, Require, Route
from ostiary.config.scalars import Count, Duration, Share
from ostiary.config.upstream import Circuit, Health, HealthCheck, Retries, SlowClients, Upstream, UpstreamTls
from ostiary.config.words import Name

__all__ = [
    "AccessLog",
    "Admin",
    "Algorithm",
    "Bounds",
    "Bucket",
    "Certificate",
    "Circuit",
    "ClaimRule",
    "Claims",
    "ClientCertificates",
    "Config",
    "Health",
    "HealthCheck",
    "Hsts",
    "IdentityHeaders",
    "Issuer",
    "Keys",
    "Limit",
    "Match",
    "Model",
    "Observe",
    "ProxyProtocol",
    "Require",
    "Retries",
    "Route",
    "SecurityLog",
    "Server",
    "SlowClients",
    "Store",
    "Tiers",
    "Timeouts",
    "Tls",
    "TokenCache",
    "Upstream",
    "UpstreamTls",
    "WebSockets",
]


class Store(Model):
    """Where shared limits live."""

    url: Secret
    """valkey://, valkeys:// (also redis://, rediss://), unix:///path, valkey+sentinel://h1:p,h2:p/service, valkey+cluster://h:p."""
    connect_timeout: Duration = Field(0.5, gt=0)
    """To open a connection."""
    command_timeout: Duration = Field(0.1, gt=0)
    """From asking to the answer; then the store counts as away."""
    prefix: Name = "ostiary"
    """Start of every key."""


class TokenCache(Model):
    """Verified tokens kept per worker."""

    entries: Count = Field(20_000, ge=0)
    """Most tokens kept; 0 verifies every token anew."""


class AccessLog(Model):
    """One JSON line a request."""

    mode: Literal["off", "on", "sampled"] = "on"
    """Which requests are written."""
    sample: Share = Field(0.01, gt=0, le=1)
    """Share of requests written when sampled; refusals and 5xx are always written."""
    path: LogPath = "-"
    """File, or - for standard output."""


class SecurityLog(Model):
    """One JSON line for each event that a security team wants to see."""

    path: LogPath = "stderr"
    """File, or `stdout`, or `stderr`."""


class Observe(Model):
    """What is seen from outside."""

    access_log: AccessLog = AccessLog()
    """What requests there were."""
    security_log: SecurityLog = SecurityLog()
    """What a security team wants to see."""


class Config(Model):
    """The whole of `ostiary.yaml`."""

    server: Server = Server()
    """Where requests are taken, by how many workers, and what one caller may ask of them."""
    admin: Admin = Admin()
    """The listener of health and metrics."""
    issuers: dict[Name, Issuer] = Field({})
    """Who is believed, by a name of yours."""
    upstreams: dict[Name, Upstream] = Field(min_length=1)
    """The services behind, by a name of yours."""
    routes: tuple[Route, ...] = Field(min_length=1)
    """Which requests are let through, who may send them, and where to."""
    limits: dict[Name, Limit] = Field({})
    """The limits that routes name."""
    tiers: Tiers = Tiers()
    """The classes of callers that limits tell apart."""
    identity_headers: IdentityHeaders = IdentityHeaders()
    """How upstreams are told who calls."""
    store: Store | None = None
    """Where limits are counted. Absent: memory for one worker, an embedded Valkey for several."""
    token_cache: TokenCache = TokenCache()
    """The verified tokens that are remembered."""
    observe: Observe = Observe()
    """What is written down."""
