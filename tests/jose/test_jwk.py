from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from ostiary.jose.algorithms import ALGORITHMS
from ostiary.jose.jwk import UnusableKey, public_key, secret_key
from tests.support.tokens import ASYMMETRIC, RSA, b64url, key

if TYPE_CHECKING:
    from ostiary.jose.key import Key

_ALL = list(ALGORITHMS)


def _jwk(base: str, /, **changes: object) -> dict[str, object]:
    return {name: value for name, value in {**key(base).jwk, **changes}.items() if value is not None}


def _number(value: int) -> str:
    return b64url(value.to_bytes((value.bit_length() + 7) // 8 or 1, "big"))


def _rsa_of(bits: int) -> str:
    return _number(rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key().public_numbers().n)


@pytest.mark.parametrize("alg", ASYMMETRIC)
def test_a_key_is_for_the_algorithm_it_names(alg: str) -> None:
    assert public_key(_jwk(alg), _ALL).algorithms == (alg,)
    with pytest.raises(UnusableKey, match="configured"):
        public_key(_jwk(alg), [name for name in _ALL if name != alg])


@pytest.mark.parametrize("alg, fitting", [("RS256", set(RSA)), ("ES384", {"ES384"}), ("EdDSA", {"EdDSA", "Ed25519"})])
def test_a_key_that_names_none_is_for_those_of_its_kind_that_are_configured(alg: str, fitting: set[str]) -> None:
    assert set(public_key(_jwk(alg, alg=None), _ALL).algorithms) == fitting
    assert public_key(_jwk(alg, alg=None), [alg]).algorithms == (alg,)


@pytest.mark.parametrize("changes", [{"use": None}, {"key_ops": ["verify"], "use": None}, {"x5c": ["?"], "new": 1}])
def test_what_a_key_need_not_say_it_need_not_say(changes: dict[str, object]) -> None:
    assert public_key(_jwk("ES256", **changes), _ALL).kid == "ES256"


@pytest.mark.parametrize(
    "jwk, why",
    [
        (None, "not an object"),
        ([], "not an object"),
        ({}, "kty"),
        (_jwk("HS256"), "secret"),
        (_jwk("RS256", d="AQAB"), "secret"),
        (_jwk("ES256", d="AQAB"), "secret"),
        (_jwk("RS256", k="AQAB"), "secret"),
        (_jwk("RS256", kid=1), "kid"),
        (_jwk("RS256", kid="k" * 257), "kid"),
        (_jwk("RS256", use="enc"), "use"),
        (_jwk("RS256", use=["sig"]), "use"),
        (_jwk("RS256", key_ops=["encrypt"]), "key_ops"),
        (_jwk("RS256", key_ops="verify"), "key_ops"),
        (_jwk("RS256", key_ops=[]), "key_ops"),
        (_jwk("RS256", alg="ES256"), "alg"),
        (_jwk("RS256", alg="RSA-OAEP"), "alg"),
        (_jwk("RS256", alg=["RS256"]), "alg"),
        (_jwk("ES256", alg="ES384"), "alg"),
        (_jwk("ES256", crv="P-384"), "size"),
        (_jwk("ES256", crv="secp256k1"), "crv"),
        (_jwk("ES256", crv=["P-256"]), "crv"),
        (_jwk("ES256", kty="RSA"), "n is"),
        (_jwk("ES256", kty="OKP"), "crv"),
        (_jwk("ES256", y=key("ES256").jwk["x"]), "curve"),
        (_jwk("ES256", x="AA"), "size"),
        (_jwk("EdDSA", crv="Ed448"), "Ed25519"),
        (_jwk("EdDSA", crv="X25519"), "Ed25519"),
        (_jwk("EdDSA", x="AA"), "size"),
        (_jwk("EdDSA", x=b64url(b"\1" + bytes(31))), "small order"),
        (_jwk("EdDSA", x=b64url(bytes(31) + b"\x80")), "small order"),
        (_jwk("RS256", e=_number(1)), "exponent"),
        (_jwk("RS256", e=_number(2)), "exponent"),
        (_jwk("RS256", e=_number(2**32 + 1)), "exponent"),
        (_jwk("RS256", e="AQAB="), "base64url"),
        (_jwk("RS256", e=65537), "string"),
        (_jwk("RS256", e=""), "string"),
        (_jwk("RS256", n=None), "string"),
        (_jwk("RS256", n="\u00e9"), "base64url"),
        (_jwk("RS256", n="A" * 100_000), "string"),
        (_jwk("RS256", n=_number(2**2047 + 2)), "odd"),
        (_jwk("RS256", n=_rsa_of(1024)), "bits"),
        (_jwk("RS256", n=_number(3 * (1 << 8192) + 1)), "bits"),
    ],
)
def test_a_key_that_leaves_doubt_is_not_used(jwk: object, why: str) -> None:
    with pytest.raises(UnusableKey, match=why):
        public_key(jwk, _ALL)


def test_keys_are_interchangeable_exactly_if_nothing_about_them_differs() -> None:
    def fingerprint(**changes: object) -> object:
        return public_key(_jwk("RS256", **changes), _ALL).fingerprint

    assert fingerprint() == fingerprint(x5t="different", use=None)
    others = (fingerprint(kid="other"), fingerprint(kid=None), fingerprint(alg=None), fingerprint(e="Aw"))
    assert len({fingerprint(), *others}) == 1 + len(others)


_members = st.sampled_from(["kty", "kid", "use", "alg", "key_ops", "n", "e", "crv", "x", "y", "d", "k"])
_json: st.SearchStrategy[object] = (
    st.none() | st.integers() | st.text(max_size=9) | st.lists(st.text(max_size=6), max_size=2) | st.just({})
)


@given(st.sampled_from(["RS256", "ES256", "EdDSA"]), st.dictionaries(_members, _json, max_size=4))
def test_nothing_else_is_ever_raised(alg: str, changes: dict[str, object]) -> None:
    try:
        found: Key | None = public_key({**key(alg).jwk, **changes}, _ALL)
    except UnusableKey:
        found = None
    assert found is None or alg in found.algorithms


@pytest.mark.parametrize(
    "secret, algorithms",
    [
        (b"s" * 31, ["HS256"]),
        (b"s" * 47, ["HS256", "HS384"]),
        (b"s" * 63, ["HS512"]),
        (b"s" * 64, ["HS256", "RS256"]),
        (b"s" * 64, []),
        (b"", ["HS256"]),
    ],
)
def test_a_secret_is_long_enough_and_for_hmac_only(secret: bytes, algorithms: list[str]) -> None:
    with pytest.raises(UnusableKey):
        secret_key(secret, algorithms)
