from __future__ import annotations

import inspect
import timeit
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.config.model import Keys
from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import INVALID_CLAIMS, INVALID_TOKEN, TOKEN_EXPIRED, UNKNOWN_SIGNING_KEY
from ostiary.jose.configured import key_source
from ostiary.jose.token import MAX_BRACKETS, parse
from ostiary.jose.verify import TokenVerifier, VerifiedToken
from tests.support.issuers import WALL, issuer, verified
from tests.support.tokens import ASYMMETRIC, SYMMETRIC, SigningKey, jwks, key, new_key, tampered

if TYPE_CHECKING:
    from ostiary.config.model import Issuer

_NOW = int(WALL)


def _token(signer: SigningKey, header: dict[str, object] | None = None, **claims: object) -> str:
    return signer.token(header, **{"iat": _NOW, "exp": _NOW + 300, **claims})


def _verify_now(token: bytes, verifier: TokenVerifier) -> VerifiedToken | Refusal:
    """Drive a verification that needs nothing but memory to its end, as the door does."""
    coroutine = verifier.verify(token, frozenset({"one"}), WALL, 0.0)
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
    return ended.value.value  # type: ignore[no-any-return]  # what the coroutine returned


def _verifier(one: Issuer) -> TokenVerifier:
    return TokenVerifier({"one": one}, {"one": key_source("one", one)})


@pytest.mark.parametrize("alg", ASYMMETRIC)
async def test_a_good_token_is_verified(alg: str) -> None:
    found = await verified(_token(key(alg)), issuer(key(alg)))
    assert isinstance(found, VerifiedToken)
    assert (found.issuer, found.subject, found.exp) == ("0", "alice", _NOW + 300)
    assert (found.not_before, found.expires_at) == (_NOW - 30, _NOW + 330)
    assert msgspec.json.decode(found.payload)["sub"] == "alice"


@pytest.mark.parametrize("alg", SYMMETRIC)
@pytest.mark.parametrize("header", [None, {"kid": "any"}])
async def test_a_token_of_an_issuer_with_a_shared_secret_is_verified(
    alg: str, header: dict[str, object] | None
) -> None:
    signer = key(alg)
    assert isinstance(signer.private, bytes)
    shared = issuer(algorithms=(alg,), keys=Keys.model_validate({"secret": signer.private}))
    assert isinstance(await verified(_token(signer, header), shared), VerifiedToken)
    found = await verified(tampered(_token(signer)), shared)
    assert isinstance(found, Refusal)
    assert found.reason == INVALID_TOKEN


@pytest.mark.parametrize("alg", ASYMMETRIC)
async def test_a_tampered_token_is_refused(alg: str) -> None:
    found = await verified(tampered(_token(key(alg))), issuer(key(alg)))
    assert found == Refusal(INVALID_TOKEN, "The token's signature is not valid.")


async def test_a_bad_signature_tells_nothing_of_the_claims() -> None:
    answers = [
        await verified(tampered(_token(key("ES256"), **claims)), issuer(key("ES256")))
        for claims in ({}, {"exp": 1}, {"exp": "x"}, {"aud": "x"}, {"sub": None}, {"nbf": _NOW + 999})
    ]
    assert len({str(answer) for answer in answers}) == 1


async def test_tokens_verify_by_their_own_issuers_keys_only() -> None:
    mine, other = new_key("ES256", "same"), new_key("ES256", "same")
    issuers = (issuer(mine), issuer(other, issuer="https://other.example"))
    assert isinstance(await verified(_token(mine), *issuers), VerifiedToken)
    found = await verified(_token(other, iss="https://other.example"), *issuers)
    assert isinstance(found, VerifiedToken)
    assert found.issuer == "1"
    for crossed in (_token(other), _token(mine, iss="https://other.example")):
        found = await verified(crossed, *issuers)
        assert isinstance(found, Refusal)
        assert found.reason == INVALID_TOKEN


@pytest.mark.parametrize("iss", ["https://issuer.example/", "HTTPS://issuer.example", "", None, 1, [], ["x"], {}])
async def test_an_issuer_that_is_not_configured_is_refused(iss: object) -> None:
    payload = {"iss": iss, "sub": "alice"}
    found = await verified(key("ES256").compact({"alg": "ES256"}, payload), issuer(key("ES256")))
    assert isinstance(found, Refusal)
    assert found.reason == INVALID_CLAIMS


async def test_an_issuer_that_is_not_accepted_here_is_refused_before_its_keys_are_asked() -> None:
    one = issuer()  # its keys would have to be fetched
    verifier = _verifier(one)
    for accepted in (frozenset[str](), frozenset({"other"})):
        found = await verifier.verify(_token(key("ES256")).encode(), accepted, WALL, 0.0)
        assert isinstance(found, Refusal)
        assert found.reason == INVALID_CLAIMS


async def test_two_issuers_cannot_have_one_name() -> None:
    with pytest.raises(ValueError, match="same"):
        await verified("", issuer(key("ES256")), issuer(key("RS256")))


@pytest.mark.parametrize(
    "typ, accepted", [("JWT", 1), ("at+JWT", 1), ("application/at+jwt", 1), ("", 1), ("dpop+jwt", 0)]
)
async def test_a_token_of_another_type_is_refused(typ: str, accepted: int) -> None:
    found = await verified(_token(key("ES256"), {"typ": typ}), issuer(key("ES256")))
    assert isinstance(found, VerifiedToken) is bool(accepted)


async def test_the_algorithm_comes_from_the_configuration() -> None:
    signer = key("RS256")
    one = issuer(signer, algorithms=("RS256",))
    for alg in ("none", "None", "NONE", "none ", "", "HS256", "RS512", "PS256", "rs256"):
        found = await verified(_token(signer, {"alg": alg}), one)
        assert found == Refusal(INVALID_TOKEN, "The token's algorithm is not accepted.")


async def test_an_unknown_key_and_an_ambiguous_one_are_refused() -> None:
    one, two = new_key("ES256", "same"), new_key("ES256", "same")
    for token, keys in (
        (_token(one, {"kid": "other"}), jwks(one)),
        (_token(one), jwks(one, two)),
        (one.compact({"alg": "ES256"}, {"iss": "https://issuer.example"}), jwks(one, two)),
    ):
        found = await verified(token, issuer(algorithms=("ES256",), keys=Keys(inline=keys)))
        assert isinstance(found, Refusal)
        assert found.reason == UNKNOWN_SIGNING_KEY


async def test_a_token_that_names_no_key_is_verified_by_the_only_one_that_fits() -> None:
    signer = key("ES256")
    token = signer.compact({"alg": "ES256"}, parse(_token(signer).encode()).payload)
    assert isinstance(await verified(token, issuer(signer, key("RS256"))), VerifiedToken)


async def test_an_expired_token_is_told_apart_only_once_its_signature_is_good() -> None:
    token = _token(key("ES256"), exp=_NOW - 100)
    for text, reason in ((token, TOKEN_EXPIRED), (tampered(token), INVALID_TOKEN)):
        found = await verified(text, issuer(key("ES256")))
        assert isinstance(found, Refusal)
        assert found.reason == reason


def test_a_token_whose_key_is_known_is_verified_without_suspending() -> None:
    assert isinstance(_verify_now(_token(key("RS256")).encode(), _verifier(issuer(key("RS256")))), VerifiedToken)


@pytest.mark.parametrize("empty", [{}, []])
def test_a_payload_of_many_brackets_is_refused_before_it_is_read(empty: object) -> None:
    signer = key("ES256")
    verifier = _verifier(issuer(algorithms=["ES256"], keys=Keys(inline=jwks(signer))))
    # Two are the claims themselves, and the array.
    assert isinstance(_verify_now(_token(signer, x=[empty] * (MAX_BRACKETS - 2)).encode(), verifier), VerifiedToken)
    refused = _verify_now(_token(signer, x=[empty] * (MAX_BRACKETS - 1)).encode(), verifier)
    assert isinstance(refused, Refusal)
    assert refused.reason == INVALID_TOKEN
    assert refused.detail == f"The token's payload has more than {MAX_BRACKETS} opening brackets and braces."


def test_a_payload_that_is_nested_too_deeply_is_told_so() -> None:
    nested: object = []
    for _ in range(32):
        nested = [nested]
    signer = key("ES256")
    verifier = _verifier(issuer(algorithms=["ES256"], keys=Keys(inline=jwks(signer))))
    refused = _verify_now(_token(signer, x=nested).encode(), verifier)
    assert refused == Refusal(INVALID_TOKEN, "The token's payload is nested more than 32 deep.")


def test_a_verification_costs_little_more_than_its_signature() -> None:
    """27 µs in all when idle, of which the signature is 18: the bounds catch a mistake, not a noisy machine."""
    verifier, text = _verifier(issuer(key("RS256"))), _token(key("RS256")).encode()
    found = _verify_now(text, verifier)
    assert isinstance(found, VerifiedToken)
    signing_input, _, _ = text.rpartition(b".")
    signature = key("RS256").signature(signing_input)
    alone = min(timeit.repeat(lambda: found.key.verify("RS256", signature, signing_input), number=50, repeat=9))

    def whole() -> None:
        coroutine = verifier.verify(text, frozenset({"one"}), WALL, 0.0)
        try:
            coroutine.send(None)
        except StopIteration:
            return

    assert min(timeit.repeat(whole, number=50, repeat=9)) < 4 * alone


_SIGNED = _token(key("ES256")).encode()
_VERIFIER = _verifier(issuer(key("ES256")))


@given(st.integers(0, len(_SIGNED) - 1), st.integers(0, 255))
def test_no_octet_can_be_changed(place: int, octet: int) -> None:
    mutated = bytearray(_SIGNED)
    mutated[place] = octet
    found = _verify_now(bytes(mutated), _VERIFIER)
    assert isinstance(found, VerifiedToken) is (mutated == _SIGNED)


@given(st.integers(0, len(_SIGNED)), st.integers(0, len(_SIGNED)), st.binary(max_size=8))
def test_no_part_can_be_replaced(start: int, end: int, new: bytes) -> None:
    mutated = _SIGNED[:start] + new + _SIGNED[end:]
    found = _verify_now(mutated, _VERIFIER)
    assert isinstance(found, VerifiedToken) is (mutated == _SIGNED)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x"]), _json),
    st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "iat"]), _json),
)
def test_whatever_is_signed_there_is_an_answer(header: dict[str, object], claims: dict[str, object]) -> None:
    usual = {"iss": "https://issuer.example", "sub": "alice", "exp": _NOW + 60}
    token = key("ES256").compact({"alg": "ES256", **header}, {**usual, **claims})
    _verify_now(token.encode(), _VERIFIER)


@given(st.binary(max_size=300))
def test_random_octets_are_refused(token: bytes) -> None:
    assert isinstance(_verify_now(token, _VERIFIER), Refusal)
