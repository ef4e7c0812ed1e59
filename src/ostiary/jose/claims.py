"""The registered claims of a token whose signature is good (RFC 7519 section 4.1, RFC 8725 sections 3.8 and 3.9)."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import INVALID_CLAIMS, TOKEN_EXPIRED, TOKEN_NOT_ACTIVE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ostiary.config.model import Issuer

_LAST_SECOND: Final = 253402300799
"""The end of the year 9999: what comes later is no date but an overflow in somebody's service."""

_EXPIRED: Final = Refusal(TOKEN_EXPIRED)
_NOT_ACTIVE: Final = Refusal(TOKEN_NOT_ACTIVE)
_NO_EXPIRY: Final = Refusal(INVALID_CLAIMS, "The token has no exp.")
_FUTURE: Final = Refusal(INVALID_CLAIMS, "The token's iat is in the future.")
_NO_DATE: Final = Refusal(INVALID_CLAIMS, "The token's exp, nbf or iat is not a date.")
_NO_SUBJECT: Final = Refusal(INVALID_CLAIMS, "The token has no sub, or none of sensible type and length.")
_AUDIENCE: Final = Refusal(INVALID_CLAIMS, "The token is not for this audience.")
_MAX_SUBJECT: Final = 255
"""OpenID Connect Core section 2."""


class Registered(msgspec.Struct, frozen=True, gc=False):
    """What the registered claims say: in force while ``not_before <= wall < expires_at``, tolerance included.

    `exp` is what the token says, without tolerance. Both are +inf for a token that never expires.
    """

    subject: str
    not_before: float
    expires_at: float
    exp: float


class Demands:
    """What one issuer's tokens must say, compiled."""

    __slots__ = ("_audiences", "_exp", "_sub", "_tolerance")

    def __init__(self, issuer: Issuer) -> None:
        self._audiences = frozenset(issuer.audiences)
        self._exp = issuer.require_exp
        self._sub = issuer.require_sub
        self._tolerance = issuer.clock_tolerance

    def check(self, claims: Mapping[str, object], wall: float) -> Registered | Refusal:
        """Check all registered claims but ``iss`` at `wall` (Unix seconds)."""
        exp, nbf, iat = _date(claims, "exp", inf), _date(claims, "nbf", -inf), _date(claims, "iat", -inf)
        if exp is None or nbf is None or iat is None:
            return _NO_DATE
        if exp == inf and self._exp:
            return _NO_EXPIRY
        tolerance = self._tolerance
        if wall >= exp + tolerance:
            return _EXPIRED
        if wall < nbf - tolerance:
            return _NOT_ACTIVE
        if wall < iat - tolerance:
            return _FUTURE
        if not self._is_meant(claims.get("aud")):
            return _AUDIENCE
        subject = claims.get("sub", "")
        if not isinstance(subject, str) or len(subject) > _MAX_SUBJECT or (self._sub and not subject):
            return _NO_SUBJECT
        return Registered(subject, max(nbf, iat) - tolerance, exp + tolerance, exp)

    def _is_meant(self, audience: object) -> bool:
        """Whether a token for `audience` is for us (RFC 7519 section 4.1.3): a string, or an array of only strings."""
        if isinstance(audience, str):
            return audience in self._audiences
        if not isinstance(audience, list):
            return False
        return all(isinstance(one, str) for one in audience) and not self._audiences.isdisjoint(audience)


def _date(claims: Mapping[str, object], name: str, absent: float) -> float | None:
    """The NumericDate called `name`, `absent` if there is none, or None if what is there is no date; a bool is none."""
    value = claims.get(name, absent)
    if value is absent:
        return absent
    if (type(value) is int or type(value) is float) and 0 <= value <= _LAST_SECOND:
        return value
    return None
