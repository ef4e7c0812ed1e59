from __future__ import annotations

import pytest

from ostiary.config.model import Algorithm
from ostiary.jose.algorithms import ALGORITHMS
from ostiary.jose.jwk import public_key, secret_key
from tests.support.tokens import ASYMMETRIC, SYMMETRIC, SigningKey, key

_DATA = b"header.payload"


def _verifies(signer: SigningKey, alg: str, signature: bytes, data: bytes = _DATA) -> bool:
    if isinstance(signer.private, bytes):
        return secret_key(signer.private, [alg]).verify(alg, signature, data)
    jwk = {name: value for name, value in signer.jwk.items() if name != "alg"}
    return public_key(jwk, list(ALGORITHMS)).verify(alg, signature, data)


def test_the_table_is_what_the_configuration_offers() -> None:
    assert set(ALGORITHMS) == set(Algorithm.__args__) == {*ASYMMETRIC, *SYMMETRIC}  # type: ignore[attr-defined]  # typing does not show the values of a `Literal`
    assert "none" not in {name.lower() for name in ALGORITHMS}


@pytest.mark.parametrize("alg", [*ASYMMETRIC, *SYMMETRIC])
def test_a_signature_verifies_as_it_was_made_and_no_other_way(alg: str) -> None:
    signature = key(alg).signature(_DATA)
    assert _verifies(key(alg), alg, signature)
    assert not _verifies(key(alg), alg, signature, _DATA + b"x")
    for wrong in (b"", signature[:-1], signature + b"\0", b"\0" * len(signature), b"\xff" * len(signature)):
        assert not _verifies(key(alg), alg, wrong)
    turned = bytearray(signature)
    turned[-1] ^= 1
    assert not _verifies(key(alg), alg, bytes(turned))


@pytest.mark.parametrize("alg", ["RS256", "RS512", "PS256", "PS384"])
@pytest.mark.parametrize("other", ["RS256", "RS384", "PS256", "PS512", "ES256", "HS256", "EdDSA"])
def test_an_rsa_signature_is_of_one_algorithm(alg: str, other: str) -> None:
    assert _verifies(key(alg), other, key(alg).signature(_DATA)) is (alg == other)


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512"])
def test_an_ecdsa_signature_is_two_numbers_of_full_length_and_not_zero(alg: str) -> None:
    size = {"ES256": 32, "ES384": 48, "ES512": 66}[alg]
    signature = key(alg).signature(_DATA)
    r, s = signature[:size], signature[size:]
    zero = bytes(size)
    for wrong in (zero + s, r + zero, zero + zero, b"\0" + r + b"\0" + s, b"\x30\x06\x02\x01\x01\x02\x01\x01"):
        assert not _verifies(key(alg), alg, wrong)
