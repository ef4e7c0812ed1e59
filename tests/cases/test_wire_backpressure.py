"""Backpressure both ways, with peers that take nothing: what the gateway keeps in memory for them is bounded."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.support.http1 import request
from tests.support.readers import LARGE, SIZE, reader, take
from tests.support.recording import OK
from tests.support.wire import OPEN, Wire, listening, wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ostiary.proxy.client import ClientConnection

GET = request("GET", "/")
UPLOAD = 48 * 1024 * 1024
"""More than the kernel holds between a client, the gateway and an upstream."""
UPLOADS = {"bounds": {"body_bytes": "64MiB"}}


def client_of(gate: Wire) -> ClientConnection:
    """Return the gateway's side of the only connection."""
    (client,) = gate.running.gateway.door._clients
    return client


def unsent(client: ClientConnection) -> int:
    """Return how many octets wait in the gateway's memory for `client` to take them."""
    return client._transport.get_write_buffer_size()


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Wire]:
    """A gateway that lets everything through to a recording upstream."""
    async with wire(tmp_path) as running:
        yield running


async def test_d7_a_slow_reader_holds_the_upstream_back(gate: Wire) -> None:
    gate.upstream.answer(LARGE)
    async with reader(gate.running.port, GET) as slow:
        await gate.settle(lambda: unsent(client_of(gate)))
        assert unsent(client_of(gate)) < 1024 * 1024
        assert await take(slow, SIZE) == SIZE


async def test_requests_without_end_whose_answers_nobody_takes(tmp_path: Path) -> None:
    """Neither the answers nor the requests pile up: nothing is read from who reads nothing."""
    sent = b""
    async with wire(tmp_path, server={"bounds": {"pipelined": 1000}}) as gate:
        gate.upstream.default = b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n" + bytes(4000)
        async with reader(gate.running.port) as sock:
            with suppress(BlockingIOError):
                while len(gate.upstream.requests) < 20_000:
                    sent = sent or request("GET", "/", headers={"X-Padding": "x" * 2000})
                    sent = sent[sock.send(sent) :]
                    for _ in range(5):
                        await asyncio.sleep(0)
            assert unsent(client_of(gate)) < 1024 * 1024
            assert len(gate.upstream.requests) < 20_000


async def test_an_answer_behind_one_that_is_not_taken_waits(gate: Wire) -> None:
    """A second large answer is not fetched into memory while the client has yet to take the first."""
    gate.upstream.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + bytes(3_000_000), LARGE)
    async with reader(gate.running.port, GET * 2) as slow:
        await gate.settle(lambda: unsent(client_of(gate)))
        assert unsent(client_of(gate)) < 1024 * 1024
        assert await take(slow, 3_000_000 + SIZE) == 3_000_000 + SIZE
        await gate.settle()
        gate.pass_time(74.0)
        await gate.settle()
        assert gate.running.metrics.client_connections.value == 1, "idle, and within its time"
        gate.pass_time(2.0)
        await gate.settle()
        assert gate.running.metrics.client_connections.value == 0


async def test_a_full_upstream_holds_the_client_back(tmp_path: Path) -> None:
    """An upload goes no faster than the upstream takes it, and not for ever."""
    go_on = asyncio.Event()

    async def reluctant(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(UPLOAD // 4096):
            await reader.readexactly(4096)
        writer.write(OK)

    async with (
        listening(reluctant) as target,
        wire(tmp_path, server=UPLOADS, upstream={"targets": [target]}) as gate,
        gate.connect() as client,
    ):
        client.writer.write(request("POST", "/", headers={"Content-Length": str(UPLOAD)}) + bytes(UPLOAD))
        await gate.settle(client.writer.transport.get_write_buffer_size)
        assert client.writer.transport.get_write_buffer_size() > 1024 * 1024
        gate.pass_time(29.0)
        go_on.set()
        assert (await client.answer()).status == 200


async def test_an_upstream_that_takes_nothing_is_given_up(tmp_path: Path) -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001  # asyncio's signature
        await asyncio.get_running_loop().create_future()

    async with (
        listening(deaf) as target,
        wire(tmp_path, server=UPLOADS, upstream={"targets": [target]}) as gate,
        gate.connect() as client,
    ):
        client.writer.write(request("POST", "/", headers={"Content-Length": str(UPLOAD)}) + bytes(UPLOAD))
        await gate.settle(client.writer.transport.get_write_buffer_size)
        gate.pass_time(31.0)
        assert (await client.answer()).status == 504


async def test_an_endless_upload_that_was_refused_is_cut(tmp_path: Path) -> None:
    async with wire(tmp_path, routes=[{**OPEN[0], "anonymous": False}]) as gate, reader(gate.running.port) as sock:
        sock.send(request("POST", "/", headers={"Transfer-Encoding": "chunked"}))
        await gate.settle()
        sent = 0
        with suppress(ConnectionError, BlockingIOError):
            while sent < SIZE:
                sent += sock.send(bytes(0x8000))
                await gate.settle()
        assert sent < SIZE
        assert gate.running.metrics.client_connections.value == 0
