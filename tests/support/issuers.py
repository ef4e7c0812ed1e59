"""Issuers as configured, and a verifier for them, without a configuration file around."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ostiary.config.model import Issuer, Keys
from ostiary.jose.configured import key_source
from ostiary.jose.verify import TokenVerifier
from tests.support.tokens import AUDIENCE, ISSUER, jwks

if TYPE_CHECKING:
    from ostiary.decision.outcome import Refusal
    from ostiary.jose.verify import VerifiedToken
    from tests.support.tokens import SigningKey

SHARED: Final = Path(__file__).resolve().parents[3] / "shared"
"""Cases and vectors that are read in place, and may not be there."""
WALL: Final = 1_800_000_000.0
"""The time at which the tests' tokens are looked at, in Unix seconds."""


def issuer(*keys: SigningKey, **others: object) -> Issuer:
    """Return an issuer that has `keys` inline and accepts what they sign, but for `others`."""
    return Issuer.model_validate(
        {
            "issuer": ISSUER,
            "audiences": (AUDIENCE,),
            "algorithms": tuple({each.alg: None for each in keys}) or ("ES256",),
            "keys": Keys(inline=jwks(*keys)) if keys else Keys(jwks_url="https://issuer.example/jwks"),
            **others,
        }
    )


async def verified(token: str | bytes, *issuers: Issuer, wall: float = WALL) -> VerifiedToken | Refusal:
    """Return what a verifier for `issuers`, called "0", "1" and so on and all accepted, makes of `token` at `wall`."""
    named = {str(place): one for place, one in enumerate(issuers)}
    sources = {name: key_source(name, one) for name, one in named.items()}
    text = token.encode() if isinstance(token, str) else token
    return await TokenVerifier(named, sources).verify(text, frozenset(named), wall, 0.0)
