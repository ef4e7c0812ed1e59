"""Authenticate by a signed JSON Web Token, verified once and then remembered for as long as that holds (law 10)."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from ostiary.credentials.bearer import bearer
from ostiary.decision.outcome import NotMine, Refusal
from ostiary.decision.reason import INVALID_CLAIMS

if TYPE_CHECKING:
    from ostiary.http.request import Request
    from ostiary.jose.cache import TokenCache
    from ostiary.jose.verify import TokenVerifier, VerifiedToken

_OTHER_ISSUER = Refusal(INVALID_CLAIMS, "The token's issuer is not accepted here.")


class JwtAuthenticator:
    """Bearer tokens in front of a verifier, with its cache between them."""

    def __init__(self, verifier: TokenVerifier, cache: TokenCache) -> None:
        self._verifier = verifier
        self._cache = cache

    async def authenticate(
        self, request: Request, issuers: frozenset[str], wall: float, mono: float
    ) -> VerifiedToken | NotMine | Refusal:
        """Return the verified token of `request`. See `Authenticator.authenticate`."""
        token = bearer(request.authorization)
        if type(token) is not bytes:
            return token  # type: ignore[return-value]  # mypy does not narrow on `type() is not`, the cheapest test
        digest = sha256(token).digest()
        verified = self._cache.get(digest)
        if verified is not None and verified.not_before <= wall < verified.expires_at and mono < verified.key.usable_until:
            return verified if verified.issuer in issuers else _OTHER_ISSUER
        outcome = await self._verifier.verify(token, issuers, wall, mono)
        if not isinstance(outcome, Refusal):
            self._cache.put(digest, outcome)
        return outcome
