"""Authenticate by a signed JSON Web Token, verified once and then remembered for as long as that holds (law 10)."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from ostiary.credentials.bearer import bearer
from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import INVALID_CLAIMS, INVALID_TOKEN

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ostiary.decision.stages import Proof
    from ostiary.http.request import Request
    from ostiary.jose.cache import TokenCache
    from ostiary.jose.verify import TokenVerifier

_TOO_LONG = Refusal(INVALID_TOKEN, "The token is too long.")
_OTHER_ISSUER = Refusal(INVALID_CLAIMS, "The token's issuer is not accepted here.")


class JwtAuthenticator:
    """Bearer tokens of at most `longest` octets in front of a verifier, with its cache between them."""

    def __init__(self, verifier: TokenVerifier, cache: TokenCache, longest: int) -> None:
        self._verifier = verifier
        self._cache = cache
        self._longest = longest

    def authenticate(
        self, request: Request, issuers: frozenset[str], wall: float, mono: float
    ) -> Proof | Coroutine[Any, Any, Proof]:
        """Return the verified token of `request`. See `Authenticator.authenticate`."""
        token = bearer(request.authorization)
        if not isinstance(token, bytes):
            return token
        digest = sha256(token).digest()
        known = self._cache.get(digest)
        if known is not None and known.not_before <= wall < known.expires_at and mono < known.key.usable_until:
            return known if known.issuer in issuers else _OTHER_ISSUER
        if len(token) > self._longest:
            return _TOO_LONG
        found = self._verifier.verify_now(token, issuers, wall, mono)
        if found is None:
            return self._verify(token, digest, issuers, wall, mono)
        if not isinstance(found, Refusal):
            self._cache.put(digest, found)
        return found

    async def _verify(self, token: bytes, digest: bytes, issuers: frozenset[str], wall: float, mono: float) -> Proof:
        found = await self._verifier.verify(token, issuers, wall, mono)
        if not isinstance(found, Refusal):
            self._cache.put(digest, found)
        return found
