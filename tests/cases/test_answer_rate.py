"""How slowly an answer may be taken: a client answers for what it does not take, not for what is not sent to it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from ostiary.proxy.taken import octets_taken
from tests.support.http1 import request
from tests.support.readers import LARGE, SIZE, reader, take
from tests.support.wire import listening, wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ostiary.proxy.client import ClientConnection
    from tests.support.documents import Document
    from tests.support.recording import Conversation
    from tests.support.wire import Wire


def at_least(rate: int) -> Document:
    return {"bounds": {"answer_rate": rate}}


@asynccontextmanager
async def one_slow(folder: Path, rate: int = 256) -> AsyncIterator[tuple[Wire, socket.socket]]:
    """Have one client that has asked for a large answer and was looked at once."""
    async with wire(folder, server=at_least(rate)) as gate:
        gate.upstream.default = LARGE
        async with reader(gate.running.port, request("GET", "/")) as slow:
            await gate.settle(lambda: client_of(gate).full)
            assert client_of(gate).full
            gate.pass_time(0.25)
            yield gate, slow


def client_of(gate: Wire) -> ClientConnection:
    (client,) = gate.running.gateway.door._clients
    return client


def too_slow(gate: Wire) -> float:
    return gate.running.metrics.snapshot().values["ostiary_client_requests_cut_total"]["answer_rate",]


async def test_who_takes_nothing_is_let_go(tmp_path: Path) -> None:
    async with one_slow(tmp_path) as (gate, _):
        gate.pass_time(29.0)
        await gate.settle()
        assert gate.running.metrics.client_connections.value == 1
        gate.pass_time(2.0)
        await gate.settle()
        assert gate.running.metrics.client_connections.value == 0
        assert (gate.upstream.open, too_slow(gate)) == (0, 1)


async def test_who_takes_too_little_is_let_go(tmp_path: Path) -> None:
    async with one_slow(tmp_path) as (gate, slow):
        for octets in (20_000, 2500):
            assert gate.running.metrics.client_connections.value == 1
            await take(slow, octets)
            gate.pass_time(31.0)
            await gate.settle()
        assert (gate.running.metrics.client_connections.value, too_slow(gate)) == (0, 1)


@pytest.mark.parametrize("rate,octets", [(256, 20_000), (0, 3000), (1024, 60_000)])
async def test_who_takes_enough_may_go_on(tmp_path: Path, rate: int, octets: int) -> None:
    """However little room that makes: most of it is in the kernel, where the gateway's own buffer does not show it."""
    async with one_slow(tmp_path, rate) as (gate, slow):
        left, transport = SIZE, client_of(gate)._transport
        for _ in range(8):
            before = octets_taken(transport)
            left -= await take(slow, octets)
            while octets_taken(transport) == before:  # noqa: ASYNC110  # nothing tells when the kernel has heard of it
                await asyncio.sleep(0.01)
            gate.pass_time(31.0)
            await gate.settle()
        assert client_of(gate).full
        assert await take(slow, left) == left
        assert too_slow(gate) == 0


async def test_the_end_of_an_answer_may_take_its_time_too(tmp_path: Path) -> None:
    """All of it has come, and the connection closes as soon as it is taken."""
    size = 60_000
    async with wire(tmp_path, server=at_least(64)) as gate, reader(gate.running.port) as slow:
        await gate.settle()
        transport = client_of(gate)._transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        gate.upstream.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        slow.sendall(request("GET", "/", headers={"Connection": "close"}))
        await gate.settle(transport.is_closing, transport.get_write_buffer_size)
        assert transport.is_closing()
        left = size
        for _ in range(2):
            gate.pass_time(0.25)
            left -= await take(slow, 9000)
            assert transport.get_write_buffer_size() > 0
            gate.pass_time(31.0)
            await gate.settle()
        assert await take(slow, left) == left


async def test_a_service_that_is_slow_is_not_its_clients_fault(tmp_path: Path) -> None:
    """One octet in twenty seconds is little; but the client had taken all there was."""
    go_on: asyncio.Queue[None] = asyncio.Queue()

    async def drip(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        for _ in range(10):
            await go_on.get()
            await conversation.send(b"x")

    async with wire(tmp_path) as gate, gate.connect() as client:
        gate.upstream.default = drip
        await client.send(request("GET", "/"))
        for _ in range(10):
            await gate.settle()
            gate.pass_time(20.0)
            go_on.put_nowait(None)
        assert (await client.answer()).body == b"x" * 10
        assert too_slow(gate) == 0


async def test_who_takes_nothing_gains_nothing_by_sending_on(tmp_path: Path) -> None:
    """Pieces of a body that is not complete."""

    async def answer_early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(LARGE)
        while await reader.read(1 << 16):
            pass

    post = b"POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 1000\r\n\r\n"
    async with (
        listening(answer_early) as url,
        wire(tmp_path, server={"bounds": {"body_rate": 0}}, upstream={"targets": [url]}) as gate,
        reader(gate.running.port, post) as slow,
    ):
        await gate.settle(lambda: client_of(gate).full)
        assert client_of(gate).full
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        gate.pass_time(0.25)
        for _ in range(3):
            slow.sendall(bytes(10))
            await gate.settle()
            gate.pass_time(9.0)
        slow.sendall(bytes(10))
        await gate.settle()
        assert gate.running.metrics.client_connections.value == 1
        gate.pass_time(4.0)
        await gate.settle()
        assert (gate.running.metrics.client_connections.value, too_slow(gate)) == (0, 1)
