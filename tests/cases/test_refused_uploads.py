"""Services that refuse an upload, or give up on it, before they have all of it: what is heard, and who is blamed."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from ostiary.proxy.upstream import UpstreamConnection
from tests.support.http1 import request
from tests.support.wire import listening, wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.wire import Wire

TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n"
HEAD = b"POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 9\r\n\r\n"
STRICT = {"circuit": {"failures": 1}, "health": {"failures": 1}}


@asynccontextmanager
async def refusing(folder: Path, answer: bytes) -> AsyncIterator[tuple[Wire, asyncio.Event]]:
    """Have a service that answers a head with `answer` and resets, which the gateway hears only by what it writes.

    The event tells that it has.
    """
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        (connection,) = [one for one in gate.running.gateway._deadlines._watched if isinstance(one, UpstreamConnection)]
        connection._transport.pause_reading()
        writer.write(answer)
        await writer.drain()
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        await asyncio.sleep(0)
        gone.set()

    async with listening(serve) as url, wire(folder, upstream={"targets": [url], **STRICT}) as gate:
        yield gate, gone


def blamed(gate: Wire) -> tuple[float, int, bool]:
    """How many failures the service is said to have, and what they have come to."""
    pool = gate.running.gateway._pools["api"]
    failures = gate.running.metrics.snapshot().values["ostiary_upstream_failures_total"]
    counted = sum(count for (_, kind), count in failures.items() if kind != "incomplete")
    return counted, pool._targets[0].row.failures, circuit(gate) != "closed"


def circuit(gate: Wire) -> str:
    return gate.running.gateway._pools["api"]._circuit.state.value


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
@pytest.mark.parametrize("rest", [b"12345678", b"123456789"])
async def test_the_answer_is_passed_on_whatever_is_heard_of_first(tmp_path: Path, more: bytes, rest: bytes) -> None:
    """Whether or not all of the request has come meanwhile."""
    async with refusing(tmp_path, TOO_LARGE + more + b"\r\nbig") as (gate, gone), gate.connect() as client:
        await client.send(HEAD)
        await gone.wait()
        await client.send(rest)
        answer = await client.answer()
        assert (answer.status, answer.body, blamed(gate)) == (413, b"big", (0, 0, False))
        await gate.settle()
        assert gate.running.metrics.upstream("api").connections.value == 0, "nobody else gets that connection"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 413 Content", b"SSH-2.0\r\n\r\n"])
async def test_where_there_is_no_answer_the_gateway_has_one(tmp_path: Path, answer: bytes) -> None:
    async with refusing(tmp_path, answer) as (gate, gone), gate.connect() as client:
        await client.send(HEAD)
        await gone.wait()
        await client.send(b"12345678")
        assert (await client.answer()).status == 502
        assert blamed(gate)[2] == answer.startswith(b"SSH"), "what cannot be read is the service's fault, whoever asked"


@pytest.mark.parametrize("answer", [TOO_LARGE + b"\r\nb", b"HTTP/1.1 413 Content Too Large\r\n\r\nbig"])
async def test_what_may_not_be_all_of_it_has_no_clean_end(tmp_path: Path, answer: bytes) -> None:
    async with refusing(tmp_path, answer) as (gate, gone), gate.connect() as client:
        await client.send(HEAD)
        await gone.wait()
        await client.send(b"12345678")
        assert b"0\r\n\r\n" not in await client.reader.read()
        assert blamed(gate) == (0, 0, False)


async def test_a_service_that_resets_when_it_has_all_of_it_has_failed(tmp_path: Path) -> None:
    async with refusing(tmp_path, b"") as (gate, gone), gate.connect() as client:
        await client.send(HEAD)
        await gone.wait()
        await client.send(b"123456789")
        assert (await client.answer()).status == 502
        assert blamed(gate) == (1, 1, True)


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Give up on any body, and answer what has none."""
    while b"Content-Length: 9" not in await reader.readuntil(b"\r\n\r\n"):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    writer.close()


async def test_a_client_that_does_not_send_on_is_no_failure_of_the_service(tmp_path: Path) -> None:
    async with (
        listening(hang_up) as url,
        wire(tmp_path, upstream={"targets": [url], **STRICT}) as gate,
        gate.connect() as other,
    ):
        for _ in range(3):
            async with gate.connect() as client:
                await client.send(HEAD)
                answer = await client.answer()
                assert (answer.status, answer.json["error"]) == (502, "upstream_error")
        assert blamed(gate) == (0, 0, False)
        assert gate.running.metrics.upstream("api").incomplete.value == 3
        assert (await other.ask("GET", "/")).status == 200


async def test_a_probe_that_is_given_up_on_makes_room_for_another(tmp_path: Path) -> None:
    upstream = {"circuit": {"failures": 1, "probes": 1, "recover_after": "10s"}, "health": {"failures": 100}}
    async with listening(hang_up) as url, wire(tmp_path, upstream={"targets": [url], **upstream}) as gate:
        async with gate.connect() as client:
            await client.send(HEAD + b"123456789")
            assert (await client.answer()).status == 502
        assert circuit(gate) == "open"
        gate.pass_time(10.1)
        async with gate.connect() as client:
            await client.send(HEAD)
            assert (await client.answer()).status == 502
        assert circuit(gate) == "half-open"
        async with gate.connect() as client:
            await client.send(request("GET", "/"))
            assert (await client.answer()).status == 200
        assert circuit(gate) == "closed"
