from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.support.http1 import request
from tests.support.recording import OK
from tests.support.wire import wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.http1 import Client
    from tests.support.recording import Conversation
    from tests.support.wire import Wire

LONG = {"first_byte_timeout": "1d", "read_timeout": "1d"}


def cut(gate: Wire, kind: str) -> float:
    return gate.running.metrics.snapshot().values["ostiary_client_requests_cut_total"][kind,]


async def silence(conversation: Conversation) -> None:
    await conversation.reader.read()


async def test_an_answer_that_does_not_come_is_504(tmp_path: Path) -> None:
    async with wire(tmp_path, server={"timeouts": {"total": "5m"}}, upstream=LONG) as gate, gate.connect() as client:
        gate.upstream.default = silence
        await client.send(request("GET", "/"))
        await gate.upstream.arrived(1)
        gate.pass_time(299.0)
        await gate.settle()
        gate.pass_time(11.0)
        answer = await client.answer()
        assert (answer.status, answer.json["error"]) == (504, "upstream_timeout")
        assert await client.ended()
        await gate.settle()
        assert gate.upstream.open == 0
        assert cut(gate, "total") == 1


async def test_an_answer_that_does_not_end_is_broken_off(tmp_path: Path) -> None:
    async def stream(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await conversation.send(b"1\r\nx\r\n")
            await asyncio.sleep(0.001)

    async with wire(tmp_path, server={"timeouts": {"total": "5m"}}) as gate, gate.connect() as client:
        gate.upstream.default = stream
        await client.send(request("GET", "/"))
        await client.reader.readuntil(b"x\r\n")
        gate.pass_time(330.0)
        rest = b""
        with suppress(ConnectionError):
            rest = await asyncio.wait_for(client.reader.read(), 5)
        assert not rest.endswith(b"0\r\n\r\n")


async def test_a_body_that_does_not_end_is_408(tmp_path: Path) -> None:
    settings = {"timeouts": {"total": "5m", "body": "1h"}, "bounds": {"body_rate": 0}}
    async with wire(tmp_path, server=settings) as gate, gate.connect() as client:
        await client.send(request("POST", "/", headers={"Content-Length": "10"}))
        await gate.settle()
        gate.pass_time(331.0)
        answer = await client.answer()
        assert (answer.status, answer.json["error"]) == (408, "request_timeout")
        assert await client.ended()


async def test_idle_connections_and_quick_requests_are_left_alone(tmp_path: Path) -> None:
    settings = {"timeouts": {"total": "1m", "idle": "1h"}}
    async with wire(tmp_path, server=settings) as gate, gate.connect() as client:
        for _ in range(5):
            assert (await client.ask("GET", "/")).status == 200
            gate.pass_time(100.0)
        assert cut(gate, "total") == 0


async def drip(gate: Wire, client: Client, octets: int, seconds: float, times: int) -> None:
    for _ in range(times):
        await client.send(b"x" * octets)
        await gate.settle(lambda: next(iter(gate.running.gateway.door._clients)).exchange)
        await asyncio.sleep(0)
        gate.pass_time(seconds)


async def test_a_body_that_comes_too_slowly_is_408(tmp_path: Path) -> None:
    """It never pauses for as long as between two pieces is allowed: yet it would hold a connection for hours."""
    async with wire(tmp_path) as gate, gate.connect() as client:
        await client.send(request("POST", "/", headers={"Content-Length": "100000"}))
        await drip(gate, client, 10, 10.1, 5)
        assert (await client.answer()).status == 408
        assert await client.ended()
        assert cut(gate, "body_rate") == 1
        await gate.settle()
        assert gate.upstream.open == 0


async def test_a_body_that_comes_fast_enough_goes_on(tmp_path: Path) -> None:
    async with wire(tmp_path) as gate, gate.connect() as client:
        await client.send(request("POST", "/", headers={"Content-Length": "14000"}))
        await drip(gate, client, 700, 10.1, 20)
        assert (await client.answer()).status == 200
        assert cut(gate, "body_rate") == 0


async def test_a_client_is_not_blamed_for_an_upstream_that_is_full(tmp_path: Path) -> None:
    size = 8 * 1024 * 1024
    finish = asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await finish.wait()
        await reader.readexactly(size)
        writer.write(OK)
        writer.close()

    server = await asyncio.start_server(late, "127.0.0.1", 0, limit=1 << 16)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, wire(tmp_path, upstream={"targets": [url], **LONG}) as gate, gate.connect() as client:
        sending = asyncio.ensure_future(client.send(request("POST", "/", body=bytes(size))))
        door = gate.running.gateway.door
        await gate.settle(lambda: [(each.held, each.holds) for each in door._clients])
        assert [each.held for each in door._clients] == [True]
        for _ in range(10):
            gate.pass_time(10.1)
        finish.set()
        await sending
        assert (await client.answer()).status == 200


@pytest.mark.parametrize("rate", [0, 1])
async def test_the_rate_can_be_chosen(tmp_path: Path, rate: int) -> None:
    async with wire(tmp_path, server={"bounds": {"body_rate": rate}}) as gate, gate.connect() as client:
        await client.send(request("POST", "/", headers={"Content-Length": "150"}))
        await drip(gate, client, 15, 10.1, 10)
        assert (await client.answer()).status == 200
