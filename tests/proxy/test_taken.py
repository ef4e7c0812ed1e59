from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
import uvloop

from ostiary.proxy.taken import octets_taken
from tests.support.certificates import Authority
from tests.support.http1 import connect
from tests.support.readers import reader, take

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    Loop = Callable[[Coroutine[None, None, None]], None]


async def until(moved: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not moved():  # noqa: ASYNC110  # nothing tells when the kernel has heard of it
            await asyncio.sleep(0.01)


async def bit_by_bit() -> None:
    connected: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda _, writer: connected.set_result(writer), "127.0.0.1", 0)
    async with server, reader(server.sockets[0].getsockname()[1]) as slow:
        transport = (await connected).transport
        transport.write(bytes(5_000_000))
        await take(slow, 1000)
        await until(lambda: octets_taken(transport) > 1000)
        before = octets_taken(transport)
        left = transport.get_write_buffer_size()
        await take(slow, 30_000)
        await until(lambda: octets_taken(transport) >= before + 25_000)
        assert octets_taken(transport) <= 31_000 + 10_000, "what the client has room for is taken, and no more"
        assert transport.get_write_buffer_size() == left, "which the buffer on this side does not show"
        transport.abort()
        await asyncio.sleep(0)
        assert octets_taken(transport) == 0


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_each_octet_that_is_taken_counts(run: Loop) -> None:
    run(bit_by_bit())


async def test_it_can_be_told_under_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("own", "a.example")
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(pair.certificate, pair.key)
    connected: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda _, writer: connected.set_result(writer), "127.0.0.1", 0, ssl=own)
    trusting = ssl.create_default_context(cafile=str(authority.ca))
    port = server.sockets[0].getsockname()[1]
    async with server, connect(port, trusting, "a.example") as client:
        transport = (await connected).transport
        before = octets_taken(transport)
        transport.write(bytes(100_000))
        await client.reader.readexactly(100_000)
        await until(lambda: octets_taken(transport) > before + 100_000)
        transport.abort()


async def test_nobody_can_tell_of_what_is_no_tcp() -> None:
    one, other = socket.socketpair()
    with other:
        _, writer = await asyncio.open_connection(sock=one)
        assert octets_taken(writer.transport) == 0
        writer.close()
        await writer.wait_closed()
