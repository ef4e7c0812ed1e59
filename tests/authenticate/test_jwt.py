from __future__ import annotations

import inspect
from math import inf
from typing import TYPE_CHECKING

import pytest

from ostiary.authenticate.jwt import JwtAuthenticator
from ostiary.decision.outcome import NOT_MINE, Refusal
from ostiary.decision.reason import (
    AMBIGUOUS_CREDENTIALS,
    INVALID_CLAIMS,
    INVALID_TOKEN,
    TOKEN_EXPIRED,
    TOKEN_NOT_ACTIVE,
    UNKNOWN_SIGNING_KEY,
)
from ostiary.jose.cache import TokenCache
from ostiary.jose.key import Key, KeySet
from ostiary.jose.source import FixedKeys
from ostiary.jose.verify import TokenVerifier, VerifiedToken
from tests.support.callers import request
from tests.support.issuers import WALL, issuer
from tests.support.tokens import key, tampered

if TYPE_CHECKING:
    from ostiary.decision.reason import Reason

NOW = int(WALL)
SIGNER = key("ES256")
ALL = frozenset({"one"})


class Watched:
    """An authenticator that counts how often a signature is looked at."""

    def __init__(self, entries: int = 10) -> None:
        self.verified = 0
        self.key = Key("ES256", "EC", {"ES256": self._verify}, None)
        self.cache = TokenCache(entries)
        verifier = TokenVerifier({"one": issuer(SIGNER)}, {"one": FixedKeys(KeySet([self.key]))})
        self._authenticator = JwtAuthenticator(verifier, self.cache, 1000)

    def _verify(self, signature: bytes, signed: bytes) -> bool:
        self.verified += 1
        return len(signature) == 64 and signed != b""

    def found(
        self, *authorization: str, issuers: frozenset[str] = ALL, wall: float = WALL, mono: float = 0.0
    ) -> object:
        """Return what is found: at once, or from a coroutine that must not wait for anything."""
        outcome = self._authenticator.authenticate(request("/", *authorization), issuers, wall, mono)
        if not inspect.iscoroutine(outcome):
            return outcome
        with pytest.raises(StopIteration) as ended:
            outcome.send(None)
        return ended.value.value

    def reason(self, *authorization: str, **when: float) -> Reason | None:
        outcome = self.found(*authorization, wall=when.get("wall", WALL), mono=when.get("mono", 0.0))
        if isinstance(outcome, Refusal):
            return outcome.reason
        assert isinstance(outcome, VerifiedToken)
        return None


def bearer(**claims: object) -> str:
    return "Bearer " + SIGNER.token(None, **{"iat": NOW - 100, "exp": NOW + 300, **claims})


GOOD = bearer()


@pytest.mark.parametrize("values", [(), ("Basic YTpi",)])
def test_without_a_bearer_token_it_is_not_ours(values: tuple[str, ...]) -> None:
    assert Watched().found(*values) is NOT_MINE


def test_a_token_is_verified_once_and_then_remembered() -> None:
    watched = Watched()
    first = watched.found(GOOD)
    assert isinstance(first, VerifiedToken)
    assert watched.found(GOOD.replace("Bearer", "bEARER")) is first
    assert (watched.verified, watched.cache.hits, watched.cache.misses) == (1, 1, 1)


def test_without_a_cache_every_token_is_verified_anew() -> None:
    watched = Watched(entries=0)
    assert [watched.reason(GOOD) for _ in range(3)] == [None] * 3
    assert watched.verified == 3


@pytest.mark.parametrize(
    "when, reason",
    [
        ({"wall": WALL + 329.9}, None),
        ({"wall": WALL + 330.0}, TOKEN_EXPIRED),
        ({"wall": WALL - 90.0}, None),
        ({"wall": WALL - 90.1}, TOKEN_NOT_ACTIVE),
        ({"mono": 49.9}, None),
    ],
)
def test_a_remembered_token_is_believed_between_its_times_only(when: dict[str, float], reason: Reason | None) -> None:
    """Law 10: `exp` and `nbf` are compared on every use, tolerance included."""
    watched = Watched()
    token = bearer(nbf=NOW - 60, iat=NOW - 100)
    assert watched.reason(token) is None
    watched.key.usable_until = 50.0
    assert watched.reason(token, **when) == reason


def test_a_remembered_token_is_believed_while_its_key_is_usable_only() -> None:
    """Law 10: what is asked anew at the end is the verifier, which knows of another key or of none."""
    watched = Watched()
    assert watched.reason(GOOD) is None
    watched.key.usable_until = 50.0
    assert watched.reason(GOOD, mono=49.9) is None
    assert watched.verified == 1
    assert watched.reason(GOOD, mono=50.0) is None
    assert watched.verified == 2
    watched.key.usable_until = -inf
    watched.reason(GOOD)
    assert watched.verified == 3


def test_a_remembered_token_is_believed_where_its_issuer_is_only() -> None:
    watched = Watched()
    assert watched.reason(GOOD) is None
    for issuers in (frozenset[str](), frozenset({"another"})):
        refused = watched.found(GOOD, issuers=issuers)
        assert isinstance(refused, Refusal)
        assert refused.reason == INVALID_CLAIMS
    assert isinstance(watched.found(GOOD), VerifiedToken)


@pytest.mark.parametrize(
    "values, reason",
    [
        ((bearer(), bearer()), AMBIGUOUS_CREDENTIALS),
        (("Bearer",), INVALID_TOKEN),
        (("Bearer a.b.c",), INVALID_TOKEN),
        ((bearer(exp=NOW - 31),), TOKEN_EXPIRED),
        (("Bearer " + SIGNER.token({"kid": "another"}),), UNKNOWN_SIGNING_KEY),
    ],
)
def test_what_is_refused_is_not_remembered(values: tuple[str, ...], reason: Reason) -> None:
    watched = Watched()
    assert [watched.reason(*values) for _ in range(2)] == [reason] * 2
    assert len(watched.cache) == 0


def test_a_token_that_differs_in_one_bit_is_another_token() -> None:
    watched = Watched()
    watched.found(GOOD)
    watched.found("Bearer " + tampered(GOOD.removeprefix("Bearer ")))
    assert watched.verified == 2
