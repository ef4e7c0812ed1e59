from __future__ import annotations

import base64
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.config.secret_strength import is_guessable


@pytest.mark.parametrize(
    "secret",
    [
        "a" * 64,
        "ab" * 32,
        "0123456789abcdef" * 4,
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "00000000000000000000000000000000000001",
        "secretsecretsecretsecretsecretsecret",
        "mysecretmysecretmysecretmysecret1",
        "your-256-bit-secret-your-256-bit-secret",
        "a-string-secret-at-least-256-bits-long",
        "your-super-secret-jwt-token-with-at-least-32-characters-long",
        "change-me-to-a-long-random-string!!",
        "ThisIsMySuperLongSecretKeyThatNobodyWillGuess",
        "correct horse battery staple correct",
        "password123password123password123",
        "qwertyuiopasdfghjklzxcvbnm1234567890",
        "demo-shared-secret-for-development-only-0001",
        "",
    ],
)
def test_what_people_type(secret: str) -> None:
    assert is_guessable(secret.encode())


def test_what_machines_make() -> None:
    random = Random(7518)
    for _ in range(500):
        octets = random.randbytes(32)
        for secret in (octets, octets.hex().encode(), octets[:16].hex().encode(), base64.urlsafe_b64encode(octets)):
            assert not is_guessable(secret)


@given(st.binary(max_size=200))
def test_any_bytes_are_judged(secret: bytes) -> None:
    assert is_guessable(secret) in {True, False}
