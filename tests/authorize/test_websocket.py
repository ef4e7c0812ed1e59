from __future__ import annotations

import msgspec
import pytest

from ostiary.authorize.websocket import judge_handshake
from ostiary.http.websocket import BAD_KEY, Handshake

HANDSHAKE = Handshake(b"k", (), (), (), b"", ())
HERE = frozenset({b"https://app.example.com"})


@pytest.mark.parametrize(
    "origins,told,code",
    [
        (None, (b"https://evil.example",), None),
        (HERE, (), None),
        (HERE, (b"https://app.example.com",), None),
        (HERE, (b"https://evil.example",), "origin_mismatch"),
        (HERE, (b"http://app.example.com",), "origin_mismatch"),
        (HERE, (b"https://app.example.com:8443",), "origin_mismatch"),
        (HERE, (b"https://app.example.com.evil.example",), "origin_mismatch"),
        (HERE, (b"null",), "origin_mismatch"),
        (HERE, (b"",), "origin_mismatch"),
        (HERE, (b"https://app.example.com", b"https://app.example.com"), "origin_mismatch"),
        (frozenset[bytes](), (b"https://app.example.com",), "origin_mismatch"),
    ],
)
def test_origins(origins: frozenset[bytes] | None, told: tuple[bytes, ...], code: str | None) -> None:
    refusal = judge_handshake(msgspec.structs.replace(HANDSHAKE, origins=told), origins)
    assert (refusal.reason.code if refusal is not None else None) == code


@pytest.mark.parametrize(
    "origins,told,code",
    [
        (HERE, (b"https://app.example.com",), None),
        (HERE, (), "origin_mismatch"),
        (HERE, (b"null",), "origin_mismatch"),
        (HERE, (b"https://app.example.com", b"https://app.example.com"), "origin_mismatch"),
        (None, (), "origin_mismatch"),
        (None, (b"https://app.example.com",), "origin_mismatch"),
    ],
)
def test_a_token_in_a_cookie_needs_an_origin(
    origins: frozenset[bytes] | None, told: tuple[bytes, ...], code: str | None
) -> None:
    refusal = judge_handshake(msgspec.structs.replace(HANDSHAKE, origins=told), origins, by_cookie=True)
    assert (refusal.reason.code if refusal is not None else None) == code


def test_a_malformed_handshake_is_told_what_is_wrong_with_it() -> None:
    refusal = judge_handshake(BAD_KEY, None)
    assert refusal is not None
    assert refusal.reason.status == 400
    assert "Sec-WebSocket-Key" in refusal.detail
