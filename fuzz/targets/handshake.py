"""The WebSocket handshake: what is asked for is passed on as it is, without tokens, and no false answer is believed."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha1
from typing import Final

from ostiary.http.head import request_head, response_head
from ostiary.http.websocket import Handshake, read_handshake, read_switch

_KEY: Final = b"c2l4dGVlbiBvY3RldHMhIQ=="
_ACCEPT: Final = b64encode(sha1(_KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # noqa: S324  # RFC 6455
_BEGINNING: Final = b"GET / HTTP/1.1\r\nHost: h\r\n"
_WISH: Final = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + _KEY + b"\r\n"
_SWITCH: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n"
    % _ACCEPT
)
_ASKED: Final = Handshake(_KEY, (b"chat", b"soap"), (b"permessage-deflate; client_max_window_bits",), (), b"", ())


def check(data: bytes) -> None:
    """Read `data` as field lines of a wish, as those of an answer, and as a whole answer."""
    for fields in (data, _WISH + data):
        _wish(_BEGINNING + fields + b"\r\n")
    for head in (data, _SWITCH + data + b"\r\n"):
        _answer(head)


def _wish(head: bytes) -> None:
    cut = request_head(head)
    if cut is None:
        return
    asked = read_handshake(cut[0], cut[3])
    if not isinstance(asked, Handshake):
        return
    again = request_head(_BEGINNING + asked.fields + b"\r\n")
    assert again is not None
    assert again[4] == b""
    second = read_handshake(again[0], again[3])
    assert isinstance(second, Handshake)
    assert (second.key, second.protocols, second.tokens) == (asked.key, asked.protocols, ())
    assert second.extensions == asked.extensions
    assert all(asked.tokens)
    good = _SWITCH.replace(_ACCEPT, b64encode(sha1(asked.key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()))  # noqa: S324  # RFC 6455
    for chosen in asked.protocols[:1]:
        assert read_switch(good + b"Sec-WebSocket-Protocol: " + chosen + b"\r\n\r\n", asked) is not None
    answer = read_switch(good + b"\r\n", asked)
    assert answer is not None
    assert not any(token in answer for token in asked.tokens if len(token) > len(good)), "a token comes back"


def _answer(head: bytes) -> None:
    lines = read_switch(head, _ASKED)
    if lines is None:
        return
    cut = response_head(b"HTTP/1.1 101 Switching Protocols\r\n" + lines + b"\r\n")
    assert cut is not None
    assert cut[3] == b""
    told = [name.lower() for name, _, _ in cut[2]]
    assert sorted({*told} - {b"sec-websocket-extensions"}) == sorted(
        each for each in told if each[14:] != b"extensions"
    )
    values = {name.lower(): value for name, value, _ in cut[2]}
    assert values[b"sec-websocket-accept"] == _ACCEPT
    assert values.get(b"sec-websocket-protocol", b"chat") in _ASKED.protocols
    assert not any((octet < 0x20 and octet != 0x09) or octet == 0x7F for octet in lines.replace(b"\r\n", b""))
