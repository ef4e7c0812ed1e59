from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given
from websockets.headers import parse_subprotocol

from ostiary.http.websocket import (
    BAD_KEY,
    BAD_METHOD,
    BAD_PROTOCOL,
    BAD_VERSION,
    BadHandshake,
    Handshake,
    read_handshake,
    read_switch,
)
from tests.support.tokens import b64url
from tests.support.websocket import ACCEPT, KEY, SWITCH

KEYED = (b"Sec-WebSocket-Key", KEY.encode())
ENCODED = b"base64url.bearer.authorization.k8s.io."
VERSION = (b"Sec-WebSocket-Version", b"13")


def read(*fields: tuple[bytes, bytes], method: bytes = b"GET", usual: bool = True) -> Handshake | BadHandshake:
    return read_handshake(method, [(*field, b"") for field in ((KEYED, VERSION, *fields) if usual else fields)])


def good(*fields: tuple[bytes, bytes]) -> Handshake:
    found = read(*fields)
    assert isinstance(found, Handshake)
    return found


def offering(*protocols: bytes) -> tuple[bytes, bytes]:
    return b"sec-websocket-PROTOCOL", b", ".join(protocols)


@pytest.mark.parametrize(
    "fields,wrong",
    [
        ([VERSION], BAD_KEY),
        ([VERSION, KEYED, KEYED], BAD_KEY),
        ([VERSION, (KEYED[0], b"")], BAD_KEY),
        ([VERSION, (KEYED[0], b"c2hvcnQ=")], BAD_KEY),
        ([VERSION, (KEYED[0], KEYED[1][:-3] + b"B==")], BAD_KEY),
        ([VERSION, (KEYED[0], KEYED[1].replace(b"=", b""))], BAD_KEY),
        ([KEYED], BAD_VERSION),
        ([KEYED, VERSION, VERSION], BAD_VERSION),
        ([KEYED, (VERSION[0], b"8")], BAD_VERSION),
        ([KEYED, (VERSION[0], b"13, 8")], BAD_VERSION),
        ([KEYED, VERSION, offering(b"a", b"a")], BAD_PROTOCOL),
        ([KEYED, VERSION, offering(b"a"), offering(b"a")], BAD_PROTOCOL),
        ([KEYED, VERSION, offering(b"a", b"")], BAD_PROTOCOL),
        ([KEYED, VERSION, offering(b"a b")], BAD_PROTOCOL),
        ([KEYED, VERSION, offering(b"bearer")], BAD_PROTOCOL),
        ([KEYED, VERSION, offering(b"chat", b"Bearer")], BAD_PROTOCOL),
        ([KEYED, VERSION, offering(ENCODED)], BAD_PROTOCOL),
        ([KEYED, VERSION, offering(ENCODED + b"a")], BAD_PROTOCOL),
        ([KEYED, VERSION, offering(ENCODED + b64url(b"x\r\ny").encode())], BAD_PROTOCOL),
    ],
)
def test_handshakes_that_are_none(fields: list[tuple[bytes, bytes]], wrong: BadHandshake) -> None:
    assert read(*fields, usual=False) is wrong


def test_cookies_are_kept_as_they_came() -> None:
    assert good((b"Cookie", b"a=b "), (b"COOKIE", b"c=d")).cookies == (b"a=b", b"c=d")


def test_only_get_asks_for_a_websocket() -> None:
    assert read(method=b"POST") is BAD_METHOD


@pytest.mark.parametrize(
    "offered,left,tokens,marker",
    [
        ([], (), (), b""),
        ([b"chat", b"v2.chat"], (b"chat", b"v2.chat"), (), b""),
        ([b"bearer", b"a.b.c"], (), (b"a.b.c",), b"bearer"),
        ([b"chat", b"Bearer", b"a.b.c", b"v2"], (b"chat", b"v2"), (b"a.b.c",), b"Bearer"),
        ([b"base64url.bearer.authorization.k8s.io.YS5iLmM", b"chat"], (b"chat",), (b"a.b.c",), b""),
        ([b"bearer", b"x", b"base64url.bearer.authorization.k8s.io.YS5iLmM"], (), (b"x", b"a.b.c"), b"bearer"),
    ],
)
def test_tokens_among_the_subprotocols_stay_behind(
    offered: list[bytes], left: tuple[bytes, ...], tokens: tuple[bytes, ...], marker: bytes
) -> None:
    found = good(offering(*offered)) if offered else good()
    assert (found.protocols, found.tokens, found.marker) == (left, tokens, marker)
    for token in tokens:
        assert token not in found.fields
    assert b"bearer" not in found.fields.lower()


@given(st.lists(st.from_regex(r"[a-z0-9.]{1,9}", fullmatch=True), unique=True, min_size=1, max_size=6))
def test_what_is_offered_upstream_is_what_was_offered_in_order(names: list[str]) -> None:
    if "bearer" in names:
        return
    fields = good(offering(*(name.encode() for name in names))).fields.decode()
    line = next(line for line in fields.splitlines() if line.startswith("Sec-WebSocket-Protocol: "))
    assert parse_subprotocol(line.partition(": ")[2]) == names


CHAT = offering(b"chat", b"bearer", b"a.b.c")
DEFLATE = (b"Sec-WebSocket-Extensions", b"permessage-deflate; client_max_window_bits, x-other")


def switched(answer: bytes, *fields: tuple[bytes, bytes]) -> bytes | None:
    return read_switch(answer, good(*fields))


def test_a_good_switch() -> None:
    lines = switched(SWITCH + b"\r\n")
    assert lines == f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n".encode()
    deflated = b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n"
    lines = switched(SWITCH + b"Sec-WebSocket-Protocol: chat\r\n" + deflated + b"\r\n", CHAT, DEFLATE)
    assert lines is not None
    assert lines.endswith(b"Sec-WebSocket-Protocol: chat\r\n" + deflated)
    spelt = SWITCH.replace(b": websocket", b": WebSocket").replace(b": Upgrade", b": keep-alive, upgrade")
    assert switched(spelt + b"\r\n")


def test_the_word_before_a_token_is_chosen_if_nothing_else_is_and_the_token_never() -> None:
    lines = switched(SWITCH + b"\r\n", CHAT)
    assert lines is not None
    assert b"\r\nSec-WebSocket-Protocol: bearer\r\n" in lines
    assert b"a.b.c" not in lines


@pytest.mark.parametrize(
    "answer",
    [
        SWITCH.replace(b"101", b"200"),
        SWITCH.replace(b"101", b"102"),
        SWITCH.replace(b"HTTP/1.1", b"HTTP/1.0"),
        SWITCH.replace(b"Upgrade: websocket\r\n", b""),
        SWITCH.replace(b"Upgrade: websocket", b"Upgrade: h2c"),
        SWITCH.replace(b"Upgrade: websocket", b"Upgrade: websocket, h2c"),
        SWITCH.replace(b"Connection: Upgrade\r\n", b""),
        SWITCH.replace(b"Connection: Upgrade", b"Connection: close"),
        SWITCH.replace(ACCEPT.encode(), KEY.encode()),
        SWITCH.replace(ACCEPT.encode(), ACCEPT.lower().encode()),
        SWITCH.replace(b"Sec-WebSocket-Accept", b"X-Accept"),
        SWITCH + f"Sec-WebSocket-Accept: {ACCEPT}\r\n".encode(),
        SWITCH + b"Content-Length: 0\r\n",
        SWITCH + b"Transfer-Encoding: chunked\r\n",
        SWITCH + b"Sec-WebSocket-Protocol: other\r\n",
        SWITCH + b"Sec-WebSocket-Protocol: Chat\r\n",
        SWITCH + b"Sec-WebSocket-Protocol: bearer\r\n",
        SWITCH + b"Sec-WebSocket-Protocol: a.b.c\r\n",
        SWITCH + b"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n",
        SWITCH + b"Sec-WebSocket-Extensions: x-unasked\r\n",
        SWITCH + b"Sec-WebSocket-Extensions: x-other; a\nSet-Cookie: b\r\n",
        SWITCH[:-1],
    ],
)
def test_switches_that_are_none(answer: bytes) -> None:
    assert switched(answer + b"\r\n", CHAT, DEFLATE) is None
