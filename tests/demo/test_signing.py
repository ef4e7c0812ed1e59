from __future__ import annotations

import base64

import jwt
import msgspec
import pytest

from ostiary.demo.signing import ALGORITHMS, KeyProblem, SigningKey

CLAIMS = {"sub": "bob", "exp": 4102444800}


@pytest.fixture(scope="module")
def keys() -> dict[str, SigningKey]:
    return {alg: SigningKey.generate(alg) for alg in ALGORITHMS}


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_another_library_verifies_what_was_signed(keys: dict[str, SigningKey], alg: str) -> None:
    key = keys[alg]
    token = key.sign(CLAIMS)
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["kid"], header["typ"]) == (alg, key.kid, "at+jwt")
    if alg == "Ed25519":  # RFC 9864's name, which PyJWT does not know
        return
    verifying = key.shared_secret() or jwt.PyJWK.from_dict(key.public()).key
    assert jwt.decode(token, verifying, algorithms=[alg]) == CLAIMS


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_written_key_reads_back_as_the_same(keys: dict[str, SigningKey], alg: str) -> None:
    key = keys[alg]
    again = SigningKey.load(key.private_jwk())
    assert (again.alg, again.kid) == (key.alg, key.kid)
    assert again.private_jwk() == key.private_jwk()
    if key.shared_secret() is None:
        assert SigningKey.load(key.private_pem(), alg).public() == key.public()


@pytest.mark.parametrize("alg", ["RS256", "ES384", "EdDSA"])
def test_the_public_key_keeps_the_private_one_to_itself(keys: dict[str, SigningKey], alg: str) -> None:
    public = keys[alg].public()
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(public)
    assert (public["alg"], public["use"]) == (alg, "sig")


def test_a_shared_secret_is_text_and_has_no_public_half(keys: dict[str, SigningKey]) -> None:
    secret = keys["HS512"].shared_secret()
    assert secret is not None
    assert secret.isascii()
    assert len(secret) >= 64
    with pytest.raises(KeyProblem, match="no public key"):
        keys["HS512"].public()
    with pytest.raises(KeyProblem, match="no PEM"):
        keys["HS512"].private_pem()


def test_kid_can_be_chosen() -> None:
    assert SigningKey.generate("ES256", "mine").public()["kid"] == "mine"


@pytest.mark.parametrize(
    "alg, given, message",
    [
        ("RS256", "ES256", "does not suit"),
        ("ES256", "ES384", "does not suit"),
        ("EdDSA", "HS256", "does not suit"),
        ("ES256", "none", "cannot sign with none"),
    ],
)
def test_a_key_is_never_used_for_what_it_is_not(
    keys: dict[str, SigningKey], alg: str, given: str, message: str
) -> None:
    with pytest.raises(KeyProblem, match=message):
        SigningKey.load(keys[alg].private_jwk(), given)


def test_unreadable_keys_are_named_without_being_repeated() -> None:
    secret = base64.b64encode(b"hidden-material").decode()
    for data, message in [
        (b"not a key", "neither a JWK"),
        (b"[1]", "neither a JWK"),
        (b'{"kty":"XX"}', "no known `kty`"),
        (b'{"kty":["RSA"]}', "no known `kty`"),
        (b'{"kty":"oct","k":"c2VjcmV0"}', "does not say its `alg`"),
        (b'{"kty":"oct","k":"c2VjcmV0","alg":5}', "does not say its `alg`"),
        (msgspec.json.encode({"kty": "RSA", "alg": "RS256", "n": secret, "e": "AQAB", "d": 5}), "cannot be read"),
        (b"-----BEGIN PRIVATE KEY-----\n" + secret.encode() + b"\n-----END PRIVATE KEY-----\n", "cannot be read"),
    ]:
        with pytest.raises(KeyProblem, match=message) as caught:
            SigningKey.load(data, "RS256" if data.startswith(b"---") else None)
        assert secret not in str(caught.value)


def test_a_public_key_cannot_sign(keys: dict[str, SigningKey]) -> None:
    with pytest.raises(KeyProblem, match="private"):
        SigningKey.load(msgspec.json.encode(keys["ES256"].public()))


def test_a_pem_needs_its_algorithm_said(keys: dict[str, SigningKey]) -> None:
    with pytest.raises(KeyProblem, match="--alg"):
        SigningKey.load(keys["RS256"].private_pem())


def test_repr_shows_no_key(keys: dict[str, SigningKey]) -> None:
    assert repr(keys["HS256"]) == f"SigningKey(HS256, kid={keys['HS256'].kid!r})"
