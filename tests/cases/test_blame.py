"""Clients that are slow at both ends at once: however they do it, the service has no deadline for that."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.support.readers import LARGE, SIZE, reader, take
from tests.support.wire import listening, wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from tests.support.wire import Wire

    Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]

HEAD = b"POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: %d\r\n\r\n"
PATIENT = {"timeouts": {"write": "1h", "body": "1h"}, "bounds": {"body_rate": 0, "body_bytes": "64MiB"}}


@asynccontextmanager
async def service(folder: Path, serve: Serve) -> AsyncIterator[Wire]:
    """Have a gateway in front of a service that does with each connection what `serve` says."""
    async with (
        listening(serve) as url,
        wire(folder, server=PATIENT, upstream={"targets": [url], "circuit": {"failures": 1}}) as gate,
    ):
        yield gate


def timeouts(gate: Wire) -> float:
    return gate.running.metrics.upstream("api").timeouts.value


def held_up(gate: Wire) -> int:
    return len(gate.running.gateway._pools["api"].held_up)


async def answer_early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(LARGE)
    await reader.read()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while piece := await reader.read(1 << 14):
        writer.write(piece)
        await writer.drain()


async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhe")
    await reader.read()


async def test_the_end_of_a_request_whose_answer_is_held_up(tmp_path: Path) -> None:
    async with service(tmp_path, answer_early) as gate, reader(gate.running.port, HEAD % 1) as slow:
        await gate.settle(lambda: held_up(gate))
        assert held_up(gate) == 1
        slow.sendall(b"x")
        await gate.settle()
        gate.pass_time(100.0)
        await gate.settle()
        assert timeouts(gate) == 0
        assert await take(slow, SIZE) == SIZE


async def test_a_service_that_takes_no_more_because_its_answer_is_not_taken(tmp_path: Path) -> None:
    size = 16_000_000
    async with service(tmp_path, echo) as gate, reader(gate.running.port, HEAD % size) as slow:
        sending = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(slow, bytes(size)))
        (client,) = gate.running.gateway.door._clients
        while not (client.held and held_up(gate)):  # noqa: ASYNC110  # nothing tells when both ways are full
            await asyncio.sleep(0)
        gate.pass_time(100.0)
        await gate.settle()
        assert (timeouts(gate), gate.running.metrics.client_connections.value) == (0, 1)
        assert await take(slow, size) == size
        await sending


async def test_an_answer_that_has_begun_and_waits_for_the_rest_of_its_request(tmp_path: Path) -> None:
    """As soon as that has come, it is the service's turn, and its time that of an answer that has begun."""
    async with service(tmp_path, begin) as gate, gate.connect() as client:
        await client.send(HEAD % 2 + b"x")
        await client.reader.readuntil(b"he")
        gate.pass_time(100.0)
        await gate.settle()
        assert timeouts(gate) == 0
        await client.send(b"x")
        await gate.settle()
        gate.pass_time(31.0)
        assert await client.ended()
        assert timeouts(gate) == 1
