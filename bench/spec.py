"""What every gateway is asked to do in one case: the same work for all, so that the figures compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from bench.certificate import Certificate
    from bench.tokens import SigningKey

PLENTY: Final = 1_000_000_000
"""Requests a second that no load reaches: the limiter counts, and never refuses."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One configuration, in words that each peer translates into its own.

    Verify the token (signature, issuer, audience, expiry), want a scope, count the caller against a bucket, tell the
    upstream who calls, take Authorization away, and give the request an id.
    """

    key: SigningKey
    upstream: int
    """Port of the upstream on 127.0.0.1."""
    live: int | None = None
    """Port of the service to which WebSockets under /live/ go, by those that are asked for any; None has none."""
    log: bool = False
    """One access-log line a request, to a file."""
    cached_tokens: int = 4_000
    """Verified tokens kept, by those that keep any; 0 verifies every token anew."""
    limited: bool = False
    """The bucket is as good as empty: every request is refused with 429."""
    routes: int = 10
    """Rules in the configuration, by those that have a route table."""
    largest_body: int | None = None
    """Bytes of the largest body in either direction, where a gateway's default bound would refuse it."""
    tls: Certificate | None = None
    """What the gateway presents; None takes plain HTTP."""
    store: str | None = None
    """URL of the shared store; None counts in memory."""
