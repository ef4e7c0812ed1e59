from __future__ import annotations

import math

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from ostiary.jose.roca import _PRIMES, is_roca
from tests.support.tokens import key


@given(st.integers(0, 2**64), st.integers(0, 2**2048))
def test_powers_of_the_generator_modulo_the_small_primes_bear_the_fingerprint(exponent: int, factor: int) -> None:
    product = math.prod(_PRIMES)
    assert is_roca(pow(65537, exponent, product) + factor * product)


@pytest.mark.parametrize("alg", ["RS256", "PS256", "RS512"])
def test_an_honest_modulus_does_not(alg: str) -> None:
    private = key(alg).private
    assert isinstance(private, rsa.RSAPrivateKey)
    assert not is_roca(private.public_key().public_numbers().n)
