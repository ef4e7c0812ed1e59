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


class Grant(msgspec.Struct, frozen=True):
    """The right to pass.

    `identity_fields` are the rendered header lines for the upstream. `limit_key` and `tier` name the caller's bucket; a
    key of "" means that it depends on the client's address. `issuer` and `subject` are for the access log, "" for
    anonymous callers. `expires` is when its token does, in Unix seconds; +inf if never.
    """

    identity_fields: bytes = b""
    keeps_authorization: bool = False
    limit_key: str = ""
    tier: str = "anonymous"
    issuer: str = ""
    subject: str = ""
    expires: float = inf


ANONYMOUS = Grant()
"""What a caller without any credential is given."""


def grant(identity: Identity, policy: Policy) -> Grant | Refusal:
    """Authorise `identity` under `policy` and, if it passes, prepare everything that its requests will need."""
    for authorizer in policy.authorizers:
        refusal = authorizer.authorize(identity)
        if refusal is not None:
            return refusal
    limiter = policy.limiter
    return Grant(
        identity_fields=policy.propagator.render(identity),
        keeps_authorization=policy.propagator.keeps_authorization,
        limit_key=_limit_key(identity, limiter),
        tier=limiter.tier_of(identity.tier_claim) if limiter else "",
        issuer=identity.issuer_name,
        subject=identity.subject,
        expires=identity.expires,
    )


def _limit_key(identity: Identity, limiter: Limiter | None) -> str:
    if limiter is None or limiter.by_address or not identity.subject:
        return ""
    return limiter.key_for(identity.issuer_name, identity.subject, "")
