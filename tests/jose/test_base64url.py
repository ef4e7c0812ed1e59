from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.jose import base64url
from tests.support.tokens import b64url

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.binary(max_size=200))
def test_what_was_encoded_is_decoded(data: bytes) -> None:
    assert base64url.decode(b64url(data).encode()) == data


@given(st.binary(max_size=24) | st.text(alphabet=_ALPHABET.decode() + "=+/ \n", max_size=24).map(str.encode))
def test_nothing_has_two_spellings(text: bytes) -> None:
    try:
        data = base64url.decode(text)
    except ValueError:
        return
    assert b64url(data).encode() == text


@pytest.mark.parametrize(
    "text", [b"A", b"AAAAA", b"AA==", b"AAA=", b"=", b"A A", b"AA\n", b"AA?A", b"AA+/", b"AB", b"AAB", b"\xff\xff"]
)
def test_other_spellings_are_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # which ValueError is of no interest
        base64url.decode(text)


def test_only_one_last_character_in_sixteen_ends_a_single_octet() -> None:
    """All 4096 two-character texts, against the standard library: RFC 4648 section 3.5."""
    accepted = 0
    for text in (bytes([one, two]) for one in _ALPHABET for two in _ALPHABET):
        canonical = base64.urlsafe_b64encode(base64.urlsafe_b64decode(text + b"==")).rstrip(b"=") == text
        try:
            base64url.decode(text)
        except ValueError:
            assert not canonical
        else:
            assert canonical
            accepted += 1
    assert accepted == 256
