"""From the octets of a token to a verified token (RFC 7515 section 5.2, RFC 7519 section 7.2, RFC 8725)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import INVALID_CLAIMS, INVALID_TOKEN, UNKNOWN_SIGNING_KEY
from ostiary.jose.claims import Demands
from ostiary.jose.key import Key  # noqa: TC001  # msgspec resolves the annotation when asked for the struct's fields
from ostiary.jose.strict_json import Excessive, parse_object
from ostiary.jose.token import MAX_BRACKETS, MalformedToken, Token, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ostiary.config.model import Issuer
    from ostiary.jose.source import KeySource

_NOT_JSON: Final = Refusal(INVALID_TOKEN, "The token's payload is not a JSON object.")
_UNKNOWN_ISSUER: Final = Refusal(INVALID_CLAIMS, "The token's issuer is not accepted here.")
_TYPE: Final = Refusal(INVALID_TOKEN, "A token of this type is not accepted.")
_ALGORITHM: Final = Refusal(INVALID_TOKEN, "The token's algorithm is not accepted.")
_UNKNOWN_KEY: Final = Refusal(UNKNOWN_SIGNING_KEY)
_AMBIGUOUS_KEY: Final = Refusal(UNKNOWN_SIGNING_KEY, "More than one key fits the token's header.")
_SIGNATURE: Final = Refusal(INVALID_TOKEN, "The token's signature is not valid.")


class VerifiedToken(msgspec.Struct, gc=False):
    """A token that was good when it was verified.

    It still is while ``not_before <= wall < expires_at`` and ``mono < key.usable_until``, and only that long (law 10):
    whoever keeps one tests that at every use. Times are Unix seconds: `not_before` and `expires_at` have the clock
    tolerance in them already, `exp` is what the token says; +inf without an ``exp``. `payload` is the JSON text of the
    claims; `claims` are themselves, until `take_claims`. `issuer` is the issuer's name in the configuration. `grants`
    belongs to the pipeline, `touched` to the cache.

    Not known to the garbage collector, so that it has less to walk: nothing that a token refers to refers back to it.
    """

    issuer: str
    key: Key
    subject: str
    payload: bytes
    not_before: float
    expires_at: float
    exp: float
    claims: dict[str, object] | None = None
    grants: dict[Any, Any] | None = None
    touched: bool = False

    def take_claims(self) -> dict[str, object]:
        """Return the claims and do not keep them: they would be the greater part of what a kept token costs."""
        claims, self.claims = self.claims, None
        return msgspec.json.decode(self.payload) if claims is None else claims


class _Party(msgspec.Struct, frozen=True):
    """An issuer, compiled."""

    name: str
    demands: Demands
    algorithms: frozenset[str]
    types: frozenset[str]
    source: KeySource


_Opened = tuple[_Party, Token, dict[str, object]]
"""Whose token it claims to be, its parts, and what it claims."""


class TokenVerifier:
    """Verifies tokens of the configured issuers, each with its own keys only."""

    def __init__(self, issuers: Mapping[str, Issuer], sources: Mapping[str, KeySource]) -> None:
        self._parties: dict[str, _Party] = {}
        for name, issuer in issuers.items():
            if issuer.issuer in self._parties:
                raise ValueError(f"issuers.{name}.issuer: another issuer has the same value")
            types = frozenset(typ.lower().removeprefix("application/") for typ in issuer.token_types)
            self._parties[issuer.issuer] = _Party(
                name, Demands(issuer), frozenset(issuer.algorithms), types, sources[name]
            )

    async def verify(self, token: bytes, accepted: frozenset[str], wall: float, mono: float) -> VerifiedToken | Refusal:
        """Verify `token` of one of the `accepted` issuers, given by name, at `wall` (Unix) and `mono` (monotonic) s.

        Before the signature is found good nothing is believed, and only what the sender knows anyway is told: ``iss``
        merely chooses whose keys to try. Suspends only if the key is not known. Raises Broken if the issuer has no
        usable keys.
        """
        opened = self._open(token, accepted)
        if isinstance(opened, Refusal):
            return opened
        party, parsed, _ = opened
        alg, kid = parsed.header.alg, parsed.header.kid
        return _judge(opened, party.source.known(kid, alg, mono) or await party.source.find(kid, alg, mono), wall)

    def verify_now(
        self, token: bytes, accepted: frozenset[str], wall: float, mono: float
    ) -> VerifiedToken | Refusal | None:
        """The same, at once; None if the key is not known."""
        opened = self._open(token, accepted)
        if isinstance(opened, Refusal):
            return opened
        party, parsed, _ = opened
        keys = party.source.known(parsed.header.kid, parsed.header.alg, mono)
        return _judge(opened, keys, wall) if keys else None

    def _open(self, token: bytes, accepted: frozenset[str]) -> _Opened | Refusal:
        """Read `token` and find whose it claims to be, with nothing verified yet."""
        try:
            parsed = parse(token)
        except MalformedToken as error:
            return Refusal(INVALID_TOKEN, str(error))
        try:
            claims = parse_object(parsed.payload, MAX_BRACKETS)
        except Excessive as error:
            return Refusal(INVALID_TOKEN, f"The token's payload {error}.")
        except ValueError:
            return _NOT_JSON
        iss = claims.get("iss")
        party = self._parties.get(iss) if isinstance(iss, str) else None
        if party is None or party.name not in accepted:
            return _UNKNOWN_ISSUER
        if parsed.header.typ and parsed.header.typ not in party.types:
            return _TYPE
        if parsed.header.alg not in party.algorithms:
            return _ALGORITHM
        return party, parsed, claims


def _judge(opened: _Opened, keys: tuple[Key, ...], wall: float) -> VerifiedToken | Refusal:
    """Verify what was opened with the one of `keys` that there may be, and then look at what it claims."""
    party, parsed, claims = opened
    if len(keys) != 1:
        return _AMBIGUOUS_KEY if keys else _UNKNOWN_KEY
    key = keys[0]
    if not key.verify(parsed.header.alg, parsed.signature, parsed.signing_input):
        return _SIGNATURE
    found = party.demands.check(claims, wall)
    if isinstance(found, Refusal):
        return found
    return VerifiedToken(
        party.name, key, found.subject, parsed.payload, found.not_before, found.expires_at, found.exp, claims
    )
