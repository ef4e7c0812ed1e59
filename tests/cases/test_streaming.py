"""What streams passes without delay, each piece before the next is sent: events, long polls, gRPC-Web, uploads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.http1 import read_head, request
from tests.support.wire import wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.recording import Conversation

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
GRPC = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc-web+proto\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize("chunked", [True, False])
async def test_events_arrive_one_by_one_for_longer_than_any_ordinary_answer(tmp_path: Path, *, chunked: bool) -> None:
    """A comment now and then is enough to keep the stream open past its read timeout."""
    heard: asyncio.Queue[None] = asyncio.Queue()

    async def reply(conversation: Conversation) -> None:
        await conversation.send(SSE + (b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"\r\n"))
        for number in range(20):
            event = b"data: %d\n\n" % number
            await conversation.send(chunk(event) if chunked else event)
            await heard.get()
        if chunked:
            await conversation.send(b"0\r\n\r\n")
        else:
            conversation.close()

    async with wire(tmp_path) as gate, gate.connect() as client:
        gate.upstream.answer(reply)
        await client.send(request("GET", "/events", headers={"Accept": "text/event-stream", "Last-Event-ID": "7"}))
        head = await read_head(client.reader)
        assert head.values("Content-Type") == ["text/event-stream"]
        assert head.values("Cache-Control") == ["no-cache"]
        for number in range(20):
            event = chunk(b"data: %d\n\n" % number)
            async with asyncio.timeout(10):
                assert await client.reader.readexactly(len(event)) == event
            gate.pass_time(25)
            heard.put_nowait(None)
        async with asyncio.timeout(10):
            assert await client.reader.readexactly(5) == b"0\r\n\r\n"
    assert gate.upstream.requests[0].values("Last-Event-ID") == ["7"]


async def test_an_event_stream_ends_with_its_client(tmp_path: Path) -> None:
    gone = asyncio.Event()

    async def reply(conversation: Conversation) -> None:
        await conversation.send(SSE + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b": hello\n\n"))
        await conversation.reader.read()
        gone.set()

    async with wire(tmp_path) as gate:
        gate.upstream.answer(reply)
        async with gate.connect() as client:
            await client.send(request("GET", "/events"))
            await client.reader.readuntil(b"hello")
        async with asyncio.timeout(10):
            await gone.wait()


async def test_a_long_poll_is_answered_late(tmp_path: Path) -> None:
    """Nothing passes for as long as the first byte may take."""
    release = asyncio.Event()

    async def reply(conversation: Conversation) -> None:
        await release.wait()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnews")

    async with wire(tmp_path, upstream={"first_byte_timeout": "90s"}) as gate, gate.connect() as client:
        gate.upstream.answer(reply)
        await client.send(request("GET", "/poll"))
        await gate.upstream.arrived(1)
        gate.pass_time(89)
        release.set()
        assert (await client.answer()).body == b"news"


async def test_grpc_web_with_its_trailers_in_the_body(tmp_path: Path) -> None:
    message = b"\x00\x00\x00\x00\x03abc"
    trailers = b"\x80\x00\x00\x00\x0fgrpc-status: 0\r\n"
    taken = asyncio.Event()

    async def reply(conversation: Conversation) -> None:
        await conversation.send(GRPC + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(message))
        await taken.wait()
        await conversation.send(chunk(trailers) + b"0\r\n\r\n")

    async with wire(tmp_path) as gate, gate.connect() as client:
        gate.upstream.answer(reply)
        headers = {"Content-Type": "application/grpc-web+proto", "X-Grpc-Web": "1", "Grpc-Timeout": "1S"}
        await client.send(request("POST", "/pkg.Service/Call", headers=headers, body=message))
        head = await read_head(client.reader)
        assert head.values("Content-Type") == ["application/grpc-web+proto"]
        assert await client.reader.readexactly(len(chunk(message))) == chunk(message)
        taken.set()
        rest = chunk(trailers) + b"0\r\n\r\n"
        assert await client.reader.readexactly(len(rest)) == rest
    (received,) = gate.upstream.requests
    assert (received.body, received.values("X-Grpc-Web"), received.values("Grpc-Timeout")) == (message, ["1"], ["1S"])


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_large_upload_is_on_its_way_before_it_is_whole(tmp_path: Path, *, chunked: bool) -> None:
    """The upstream hears each piece while the client still holds back the next."""
    size, piece = 64, b"x" * 100_000
    got = bytearray()

    heard: asyncio.Queue[None] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(size):
            got.extend(await reader.readexactly(len(chunk(piece)) if chunked else len(piece)))
            heard.put_nowait(None)
        if chunked:
            await reader.readexactly(5)
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    framing = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(size * len(piece))}
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    target = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, wire(tmp_path, upstream={"targets": [target]}) as gate, gate.connect() as client:
        await client.send(request("POST", "/upload", headers=framing))
        for _ in range(size):
            await client.send(chunk(piece) if chunked else piece)
            async with asyncio.timeout(10):
                await heard.get()
        if chunked:
            await client.send(b"0\r\n\r\n")
        assert (await client.answer()).status == 201
    assert len(got) >= size * len(piece)
