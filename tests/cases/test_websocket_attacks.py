"""The WebSocket rows of the shared attacks, as octets on sockets; what reached the upstream is the oracle.

W8, what endpoints make of bad frames, is `tests/system/test_autobahn.py`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from tests.cases.messages import SMUGGLED
from tests.support.http1 import request
from tests.support.tokens import key
from tests.support.websocket import KEY, SWITCH, frame, handshake
from tests.support.wire import wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.recording import Conversation

ROUTE: Final = {"name": "ws", "match": {"path": "/**"}, "upstream": "api", "websocket": True}
BY_COOKIE: Final = {**ROUTE, "origins": ["https://app.example.com"], "websocket_cookie": "token"}
OPEN: Final = [{**ROUTE, "anonymous": True}]
LITTLE: Final = b"Content-Length: 0\r\n\r\n"


@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize("token", ["", "x.y.z", key().token(exp=1)])
async def test_w1_a_bad_token_and_a_pipelined_request(tmp_path: Path, token: str, *, apart: bool) -> None:
    async with wire(tmp_path, routes=[ROUTE]) as gate:
        raw = [handshake(token=token), SMUGGLED]
        heard = await gate.play(*(raw if apart else [b"".join(raw)]))
        assert heard.statuses == [401]
        assert b"\r\nConnection: close\r\n" in heard.raw
        assert gate.upstream.requests == []


@pytest.mark.parametrize(
    "early", [SMUGGLED, frame(b"hello", masked=True), b"\x00" * 40_000], ids=["request", "frame", "much"]
)
@pytest.mark.parametrize(
    "answer,status",
    [
        (b"HTTP/1.1 200 OK\r\n" + LITTLE, 200),
        (b"HTTP/1.1 401 Unauthorized\r\n" + LITTLE, 401),
        (b"HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + LITTLE, 426),
        (SWITCH.replace(b"101", b"200") + LITTLE, 200),
        (SWITCH.replace(b"101", b"426") + LITTLE, 426),
    ],
)
async def test_w2_bytes_before_an_answer_that_is_no_switch(
    tmp_path: Path, answer: bytes, status: int, early: bytes
) -> None:
    """Neither tunnelled nor read as a request, although the upstream would listen."""
    behind = bytearray()
    release = asyncio.Event()

    async def late(conversation: Conversation) -> None:
        await release.wait()
        await conversation.send(answer)
        while piece := await conversation.reader.read(1 << 16):
            behind.extend(piece)

    async with wire(tmp_path, routes=OPEN) as gate:
        gate.upstream.answer(late)
        playing = asyncio.ensure_future(gate.play(handshake() + early, early))
        await gate.upstream.arrived(1)
        await gate.settle()
        release.set()
        heard = await playing
        assert heard.statuses == [status]
        assert len(heard.arrived) == 1
        assert behind == b""
        assert b"upgrade: websocket" not in heard.raw.lower()


@pytest.mark.parametrize("framing", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
async def test_w3_an_upgrade_with_a_body(tmp_path: Path, framing: bytes) -> None:
    async with wire(tmp_path, routes=OPEN) as gate:
        heard = await gate.play(handshake()[:-2] + framing + b"\r\n\r\n" + b"5\r\nhello\r\n0\r\n\r\n" + SMUGGLED)
        assert heard.refused
        assert gate.upstream.connections == 0


async def test_w4_a_foreign_origin(tmp_path: Path) -> None:
    """A foreign page is refused whatever it brings."""
    async with wire(tmp_path, routes=[{**OPEN[0], "origins": ["https://app.example.com"]}]) as gate:
        wish = handshake({"Origin": "https://evil.example", "Cookie": "session=1"})
        heard = await gate.play(wish)
        assert heard.statuses == [403]
        assert b'"origin_mismatch"' in heard.raw
        assert gate.upstream.connections == 0
    assert "origin_foreign" in (tmp_path / "security.log").read_text()


@pytest.mark.parametrize(
    "origins",
    [
        ["https://evil.example"],
        ["null"],
        [],
        ["https://app.example.com", "https://evil.example"],
        ["https://app.example.com", "https://app.example.com"],
    ],
)
async def test_w4_a_cookie_that_authenticates_and_a_foreign_origin(tmp_path: Path, origins: list[str]) -> None:
    """Browsers send the cookie with whatever any page asks for, so that without a known Origin it proves nothing."""
    async with wire(tmp_path, routes=[BY_COOKIE]) as gate:
        lines = "".join(f"Origin: {origin}\r\n" for origin in origins).encode()
        wish = handshake({"Cookie": f"token={key().token()}"})[:-2] + lines + b"\r\n"
        heard = await gate.play(wish)
        assert heard.statuses == [403]
        assert b'"origin_mismatch"' in heard.raw
        assert gate.upstream.connections == 0
    assert "origin_foreign" in (tmp_path / "security.log").read_text()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_w4_a_cookie_authenticates_nothing_but_a_handshake(tmp_path: Path, method: str) -> None:
    """Else any page could have requests sent in the name of who looks at it."""
    async with wire(tmp_path, routes=[BY_COOKIE]) as gate:
        headers = {"Cookie": f"token={key().token()}", "Origin": "https://app.example.com"}
        assert (await gate.play(request(method, "/", headers=headers))).statuses == [401]
        wish = handshake(headers).replace(b"HTTP/1.1", b"HTTP/1.0")
        assert (await gate.play(wish)).statuses == [401]
        assert (await gate.play(handshake({**headers, "Connection": "keep-alive"}))).statuses == [401]
        assert gate.upstream.connections == 0


async def test_w9_a_handshake_without_its_key(tmp_path: Path) -> None:
    async with wire(tmp_path, routes=OPEN) as gate:
        heard = await gate.play(handshake({"Sec-WebSocket-Key": None}))
        assert heard.statuses == [400]
        assert gate.upstream.connections == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
        SWITCH.replace(b"Sec-WebSocket-Accept: ", b"Sec-WebSocket-Accept: x"),
        SWITCH.replace(b"Upgrade: websocket\r\n", b""),
        SWITCH.replace(b"Connection: Upgrade\r\n", b""),
        SWITCH.replace(b"websocket", b"h2c"),
        SWITCH + b"Content-Length: 5\r\n",
        SWITCH + b"Transfer-Encoding: chunked\r\n",
        SWITCH + b"Sec-WebSocket-Protocol: unasked\r\n",
        SWITCH.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
async def test_w9_a_switch_that_is_none(tmp_path: Path, answer: bytes) -> None:
    """502, and neither side's octets reach the other, nor is the connection used again."""
    behind = bytearray()

    async def reply(conversation: Conversation) -> None:
        await conversation.send(answer + b"\r\n" + frame(b"secret"))
        while piece := await conversation.reader.read(1 << 16):
            behind.extend(piece)

    async with wire(tmp_path, routes=OPEN) as gate:
        gate.upstream.answer(reply)
        heard = await gate.play(handshake() + frame(b"hello", masked=True))
        assert heard.statuses == [502]
        assert b"secret" not in heard.raw
        assert behind == b""
        assert (await gate.play(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")).statuses == [200]
        assert gate.upstream.connections == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"Connection": "keep-alive"},
        {"Connection": None},
        {"Upgrade": "h2c"},
        {"Upgrade": "websocket, h2c"},
        {"Upgrade": "websocket/13"},
        {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA"},
    ],
)
async def test_wishes_that_are_not_for_a_websocket_are_no_way_to_one(
    tmp_path: Path, headers: dict[str, str | None]
) -> None:
    """The upstream is not told of them, and a switch that nobody asked for is 502."""
    async with wire(tmp_path, routes=OPEN) as gate:
        gate.upstream.answer(SWITCH + b"\r\n")
        heard = await gate.play(handshake(headers))
        assert heard.statuses == [502]
        (received,) = heard.arrived
    names = {name.lower() for name, _ in received.head.headers}
    assert names.isdisjoint({"upgrade", "http2-settings", "sec-websocket-key", "sec-websocket-version"})


async def test_an_upgrade_in_http_1_0_is_none(tmp_path: Path) -> None:
    async with wire(tmp_path, routes=OPEN) as gate:
        heard = await gate.play(handshake().replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert heard.statuses == [200]
        assert heard.arrived[0].values("Upgrade") == []


@pytest.mark.parametrize(
    "line",
    [f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13", "Upgrade: websocket"],
    ids=["key", "version", "wish"],
)
async def test_twice_the_same(tmp_path: Path, line: str) -> None:
    async with wire(tmp_path, routes=OPEN) as gate:
        assert (await gate.play(handshake()[:-2] + line.encode() + b"\r\n\r\n")).statuses == [400]
        assert gate.upstream.connections == 0
