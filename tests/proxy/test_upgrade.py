"""Requests for another protocol, from the wish to the switch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import websockets
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.support.documents import document
from tests.support.gateway import logged, running_gateway
from tests.support.http1 import read_head
from tests.support.socketless import socketless
from tests.support.tokens import b64url, key
from tests.support.websocket import SWITCH, close_code, echo_service, frame, handshake
from tests.support.wire import wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.recording import Conversation

ROUTE = {"name": "ws", "match": {"path": "/**"}, "upstream": "api", "websocket": True}
ANYBODY = [{**ROUTE, "anonymous": True}]
TOKEN = key().token()


class Switching:
    """Answers with 101 and `more`, then notes what comes, until the peer ends."""

    def __init__(self, more: bytes = b"") -> None:
        self.more = more
        self.raw = bytearray()
        self.done = asyncio.Event()

    async def __call__(self, conversation: Conversation) -> None:
        await conversation.send(SWITCH + b"\r\n" + self.more)
        while piece := await conversation.reader.read(1 << 16):
            self.raw += piece
        self.done.set()
        conversation.close()


@pytest.mark.parametrize(
    "subprotocols,chosen",
    [
        (None, None),
        (["bearer", TOKEN], "bearer"),
        (["Bearer", TOKEN, "chat"], "chat"),
        ([f"base64url.bearer.authorization.k8s.io.{b64url(TOKEN.encode())}", "chat"], "chat"),
    ],
)
async def test_a_credential_in_the_header_or_among_the_subprotocols(
    tmp_path: Path, subprotocols: list[str] | None, chosen: str | None
) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"} if subprotocols is None else {}
    offered = None if subprotocols is None else [Subprotocol(name) for name in subprotocols]
    async with echo_service() as url, running_gateway(document(url, routes=[ROUTE]), tmp_path) as gate:
        uri = f"ws://127.0.0.1:{gate.port}/x"
        async with connect(uri, additional_headers=headers, subprotocols=offered, max_size=None) as client:
            for message in ("hello", b"x" * 100_000, "", b"y" * 3_000_000):
                await client.send(message)
                assert await client.recv() == message
            assert client.subprotocol == chosen
        await asyncio.wait_for(gate.gateway.drain(5), 10)
        values = gate.metrics.snapshot().values
        assert values["ostiary_websockets"] == {(): 0}
        assert values["ostiary_websockets_closed_total"] == {("upstream",): 1}
        assert values["ostiary_upstream_connections"] == {("api",): 0}
    (line,) = logged(tmp_path / "access.log")
    assert (line["status"], line["ended"], line["subject"], line["route"]) == (101, "upstream", "alice", "ws")
    assert TOKEN not in (tmp_path / "access.log").read_text()


async def test_what_the_upstream_is_asked(tmp_path: Path) -> None:
    """The token is in the identity fields only; the rest of the wish is the client's own."""
    async with wire(tmp_path, routes=[ROUTE]) as gate, gate.connect() as client:
        gate.upstream.answer(Switching())
        wish = {
            "Sec-WebSocket-Protocol": f"chat, bearer, {TOKEN}, v2",
            "Sec-WebSocket-Extensions": "permessage-deflate",
            "Sec_WebSocket_Key": "x",
            "X-User-Id": "mallory",
        }
        await client.send(handshake({**wish}))
        head = await read_head(client.reader)
        assert head.start == "HTTP/1.1 101 Switching Protocols"
        assert head.values("Sec-WebSocket-Protocol") == ["bearer"]
        assert len(head.values("X-Request-Id")) == 1
        assert head.values("Content-Length") == head.values("Transfer-Encoding") == []
    (received,) = gate.upstream.requests
    assert TOKEN.encode() not in received.head.raw
    assert received.values("Sec-WebSocket-Protocol") == ["chat, v2"]
    assert received.values("Sec-WebSocket-Extensions") == ["permessage-deflate"]
    assert received.values("Upgrade") == ["websocket"]
    assert received.values("Connection") == ["Upgrade"]
    assert received.values("X-User-Id") == ["alice"]
    assert b"Sec_" not in received.head.raw


async def test_pass_through_passes_the_token_in_its_usual_place(tmp_path: Path) -> None:
    async with wire(tmp_path, routes=[{**ROUTE, "propagate": "pass-through"}]) as gate:
        await gate.play(handshake({"Sec-WebSocket-Protocol": f"bearer, {TOKEN}"}))
    (received,) = gate.upstream.requests
    assert received.values("Authorization") == [f"Bearer {TOKEN}"]
    assert received.values("Sec-WebSocket-Protocol") == []


@pytest.mark.parametrize(
    "headers,token,status",
    [
        ({}, "", 401),
        ({}, "x", 401),
        ({"Sec-WebSocket-Protocol": "bearer, x"}, "", 401),
        ({"Sec-WebSocket-Protocol": f"bearer, {TOKEN}"}, TOKEN, 400),
        ({"Sec-WebSocket-Protocol": "bearer"}, TOKEN, 400),
        ({"Sec-WebSocket-Key": None}, TOKEN, 400),
        ({"Sec-WebSocket-Key": "short"}, TOKEN, 400),
        ({"Sec-WebSocket-Version": "8"}, TOKEN, 400),
        ({"Sec-WebSocket-Version": None}, TOKEN, 400),
        ({"Origin": "https://evil.example"}, TOKEN, 403),
    ],
)
async def test_refusals(tmp_path: Path, headers: dict[str, str | None], token: str, status: int) -> None:
    routes = [{**ROUTE, "origins": ["https://app.example.com"]}]
    async with wire(tmp_path, routes=routes) as gate:
        heard = await gate.play(handshake(headers, token=token))
        assert heard.statuses == [status]
        assert b"\r\nConnection: close\r\n" in heard.raw
        assert (b"\r\nSec-WebSocket-Version: 13\r\n" in heard.raw) == ("Sec-WebSocket-Version" in headers)
        assert gate.upstream.connections == 0
        gate.upstream.answer(Switching())
        assert (await gate.play(handshake({"Origin": "https://app.example.com"}, token=TOKEN))).statuses == [101]


BY_COOKIE = {**ROUTE, "origins": ["https://app.example.com"], "websocket_cookie": "token"}
PAGE = {"Origin": "https://app.example.com"}


@pytest.mark.parametrize(
    "fields,left",
    [
        ([f"token={TOKEN}"], []),
        ([f"a=b; token={TOKEN}; c=d e"], ["a=b; c=d e"]),
        ([f'token="{TOKEN}"', "c=d"], ["c=d"]),
        (["a=b", f"c=d; token={TOKEN}  "], ["a=b", "c=d"]),
        ([f"xtoken=1; Token=2; token={TOKEN}"], ["xtoken=1; Token=2"]),
    ],
)
async def test_a_token_in_a_cookie_goes_no_further(tmp_path: Path, fields: list[str], left: list[str]) -> None:
    async with wire(tmp_path, routes=[BY_COOKIE]) as gate:
        gate.upstream.answer(Switching())
        lines = "".join(f"cookie: {field}\r\n" for field in fields).encode()
        assert (await gate.play(handshake({**PAGE})[:-2] + lines + b"\r\n")).statuses == [101]
    (received,) = gate.upstream.requests
    assert received.values("Cookie") == left
    assert received.values("X-User-Id") == ["alice"]
    assert TOKEN.encode() not in received.head.raw
    (line,) = logged(tmp_path / "access.log")
    assert (line["subject"], line["status"]) == ("alice", 101)


async def test_pass_through_passes_it_in_its_usual_place_too(tmp_path: Path) -> None:
    async with wire(tmp_path, routes=[{**BY_COOKIE, "propagate": "pass-through"}]) as gate:
        await gate.play(handshake({**PAGE, "Cookie": f"a=b; token={TOKEN}"}))
    (received,) = gate.upstream.requests
    assert received.values("Authorization") == [f"Bearer {TOKEN}"]
    assert received.values("Cookie") == ["a=b"]


@pytest.mark.parametrize(
    "headers,token,status,code",
    [
        ({}, "", 401, "missing_token"),
        ({"Cookie": "a=b"}, "", 401, "missing_token"),
        ({"Cookie": "token=x"}, "", 401, "invalid_token"),
        ({"Cookie": "token="}, "", 401, "invalid_token"),
        ({"Cookie": f"token={key().token(exp=1)}"}, "", 401, "token_expired"),
        ({"Cookie": f"token={TOKEN};"}, "", 400, "bad_request"),
        ({"Cookie": f"token={TOKEN}; token={TOKEN}"}, "", 400, "ambiguous_credentials"),
        ({"Cookie": f"token={TOKEN}"}, TOKEN, 400, "ambiguous_credentials"),
        ({"Cookie": f"token={TOKEN}", "Sec-WebSocket-Protocol": f"bearer, {TOKEN}"}, "", 400, "ambiguous_credentials"),
        ({"Cookie": f"token={TOKEN}", "Authorization": "Basic YTpi"}, "", 400, "ambiguous_credentials"),
    ],
)
async def test_cookies_that_are_refused(
    tmp_path: Path, headers: dict[str, str | None], token: str, status: int, code: str
) -> None:
    """Nor does anybody become anonymous by a bad one."""
    routes = [BY_COOKIE, {**BY_COOKIE, "name": "open", "match": {"path": "/open"}, "anonymous": True}]
    async with wire(tmp_path, routes=routes) as gate:
        for target in ("/", "/open") if code != "missing_token" else ("/",):
            heard = await gate.play(handshake(PAGE | headers, token=token, target=target))
            assert heard.statuses == [status]
            assert f'"{code}"'.encode() in heard.raw
        assert gate.upstream.connections == 0


async def test_a_cookie_counts_only_where_the_route_says_so(tmp_path: Path) -> None:
    async with wire(tmp_path, routes=[{**BY_COOKIE, "websocket_cookie": None}]) as gate:
        assert (await gate.play(handshake({**PAGE, "Cookie": f"token={TOKEN}"}))).statuses == [401]


async def test_who_brings_no_cookie_needs_no_origin(tmp_path: Path) -> None:
    async with wire(tmp_path, routes=[BY_COOKIE]) as gate:
        gate.upstream.answer(Switching())
        assert (await gate.play(handshake({"Cookie": "a=b"}, token=TOKEN))).statuses == [101]
    (received,) = gate.upstream.requests
    assert received.values("Cookie") == ["a=b"]


async def test_where_there_are_no_websockets_the_wish_is_ignored(tmp_path: Path) -> None:
    async with wire(tmp_path) as gate:
        heard = await gate.play(handshake({"Sec-WebSocket-Key": None}), frame(b"GET / HTTP/1.1\r\n\r\n", masked=True))
        assert heard.statuses == [200]
        gate.upstream.answer(SWITCH + b"\r\n")
        assert (await gate.play(handshake())).statuses == [502]
        gate.upstream.answer(SWITCH + b"\r\n")
        assert (await gate.play(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")).statuses == [502]
    assert [received.values("Upgrade") for received in gate.upstream.requests] == [[], [], []]
    assert [received.values("Sec-WebSocket-Version") for received in gate.upstream.requests] == [[], [], []]


async def test_another_answer_is_passed_on_as_it_is(tmp_path: Path) -> None:
    async with wire(tmp_path, routes=ANYBODY) as gate:
        other = b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno"
        gate.upstream.answer(b"HTTP/1.1 100 Continue\r\n\r\n" + other)
        heard = await gate.play(handshake() + frame(b"early", masked=True))
        assert heard.statuses == [426]
        assert heard.raw.endswith(b"\r\n\r\nno")
        assert len(heard.arrived) == 1
        values = gate.running.metrics.snapshot().values
        assert values["ostiary_websockets"] == {(): 0}


async def test_what_comes_with_the_switch_and_before_it(tmp_path: Path) -> None:
    early, late = frame(b"early", masked=True), frame(b"late", masked=True)
    switching = Switching(frame(b"first"))
    async with wire(tmp_path, routes=ANYBODY) as gate:
        gate.upstream.answer(switching)
        async with gate.connect() as client:
            await client.send(handshake() + early)
            await read_head(client.reader)
            assert await client.reader.readexactly(7) == frame(b"first")
            await client.send(late)
            await gate.settle(lambda: len(switching.raw))
            assert switching.raw == early + late
        await switching.done.wait()


async def test_what_comes_before_it_is_bounded(tmp_path: Path) -> None:
    """More than a header block's worth waits in the socket; all of it goes on after the switch."""
    release = asyncio.Event()
    switching = Switching()

    async def late(conversation: Conversation) -> None:
        await release.wait()
        await switching(conversation)

    async with wire(tmp_path, routes=ANYBODY) as gate:
        gate.upstream.answer(late)
        raw = frame(b"x" * 4_000_000, masked=True)
        async with gate.connect() as client:
            await client.send(handshake())
            await gate.upstream.arrived(1)
            sending = asyncio.ensure_future(client.send(raw))
            await gate.settle()
            (connection,) = gate.running.gateway.door._clients
            assert connection.held
            release.set()
            await sending
            await gate.settle(lambda: len(switching.raw))
            assert len(switching.raw) == len(raw)


class Measured(bytes):
    """Knows how often its length was asked for."""

    asked = 0

    def __len__(self) -> int:
        Measured.asked += 1
        return super().__len__()


async def test_what_comes_octet_by_octet_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 2000
    async with socketless(document("http://127.0.0.1:9", routes=ANYBODY), tmp_path, monkeypatch) as ends:
        ends.client.data_received(handshake())
        for _ in range(count):
            ends.client.data_received(Measured(b"x"))
        before = ends.client.held
        ends.client.data_received(bytes(20_000))
        assert (before, ends.client.held) == (False, True)
    assert Measured.asked <= 2 * count


async def test_no_more_than_so_many(tmp_path: Path) -> None:
    """One that did not come about leaves room; so does one that is over."""
    server = {"websockets": {"connections": 1}}
    async with wire(tmp_path, routes=ANYBODY, server=server) as gate:
        gate.upstream.answer(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        assert (await gate.play(handshake())).statuses == [403]
        switching = Switching()
        gate.upstream.answer(switching)
        async with gate.connect() as client:
            await client.send(handshake())
            await read_head(client.reader)
            heard = await gate.play(handshake())
            assert heard.statuses == [503]
            assert b'"websockets_full"' in heard.raw
            assert b"\r\nRetry-After: 1\r\n" in heard.raw
        await switching.done.wait()
        await gate.settle()
        gate.upstream.answer(Switching())
        assert (await gate.play(handshake())).statuses == [101]


async def test_a_tunnel_leaves_room_in_its_upstreams_pool(tmp_path: Path) -> None:
    async with wire(tmp_path, routes=ANYBODY, upstream={"connections": 1}) as gate:
        gate.upstream.answer(Switching())
        async with gate.connect() as client:
            await client.send(handshake())
            await read_head(client.reader)
            assert (await gate.play(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")).statuses == [200]


async def test_behind_other_requests(tmp_path: Path) -> None:
    """Pipelined ones are answered first."""
    async with wire(tmp_path, routes=ANYBODY) as gate:
        gate.upstream.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Switching())
        heard = await gate.play(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" + handshake())
        assert heard.statuses == [200, 101]


async def test_a_draining_gateway_opens_none_for_long(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def late(conversation: Conversation) -> None:
        await release.wait()
        await Switching()(conversation)

    async with wire(tmp_path, routes=ANYBODY) as gate:
        gate.upstream.answer(late)
        async with gate.connect() as client:
            await client.send(handshake())
            await gate.upstream.arrived(1)
            draining = asyncio.ensure_future(gate.running.gateway.door.drain())
            release.set()
            await read_head(client.reader)
            assert close_code(await client.reader.readexactly(4)) == 1001
            client.writer.close()
            await draining


async def test_refused_in_the_words_of_a_real_client(tmp_path: Path) -> None:
    async with echo_service() as url, running_gateway(document(url, routes=[ROUTE]), tmp_path) as gate:
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{gate.port}/")
        assert refused.value.response.status_code == 401
