"""What a verified identity is given under one policy, worked out once and kept with the token (law 9)."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from ostiary.authenticate.identity import Identity
    from ostiary.decision.outcome import Refusal
    from ostiary.limit.limiter import Limiter
    from ostiary.routes.route import Policy


class Caller(msgspec.Struct, frozen=True):
    """Who asks, for the logs: `issuer` by its name in the configuration and `subject`, both "" for the anonymous.

    `tier` is "" where there is no limit.
    """

    issuer: str
    subject: str
    tier: str


class Grant(Caller, frozen=True):
    """The right to pass.

    `identity_fields` are the rendered header lines for the upstream. `limit_key` and `tier` name the caller's bucket; a
    key of "" means that it depends on the client's address. `expires` is when its token does, in Unix seconds; +inf if
    never.
    """

    identity_fields: bytes = b""
    keeps_authorization: bool = False
    limit_key: str = ""
    expires: float = inf


class Denied(Caller, frozen=True):
    """A caller who is proved and may not pass."""

    refusal: Refusal


ANONYMOUS = Grant("", "", "anonymous")
"""What a caller without any credential is given."""


def grant(identity: Identity, policy: Policy) -> Grant | Denied:
    """Authorise `identity` under `policy` and, if it passes, prepare everything that its requests will need."""
    limiter = policy.limiter
    tier = limiter.tier_of(identity.tier_claim) if limiter else ""
    for authorizer in policy.authorizers:
        refusal = authorizer.authorize(identity)
        if refusal is not None:
            return Denied(identity.issuer_name, identity.subject, tier, refusal)
    return Grant(
        identity.issuer_name,
        identity.subject,
        tier,
        identity_fields=policy.propagator.render(identity),
        keeps_authorization=policy.propagator.keeps_authorization,
        limit_key=_limit_key(identity, limiter),
        expires=identity.expires,
    )


def _limit_key(identity: Identity, limiter: Limiter | None) -> str:
    if limiter is None or limiter.by_address or not identity.subject:
        return ""
    return limiter.key_for(identity.issuer_name, identity.subject, "")
