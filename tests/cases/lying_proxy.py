"""A TCP proxy that does to the replies of a server what bad networks and worse servers do."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Fault = Literal["none", "truncate", "reset", "garbage", "swap", "hang", "close"]

_LINGER_ZERO = struct.pack("ii", 1, 0)


class LyingProxy:
    """Forwards honestly until told: `fault` applies to one reply, then to none; `delay` (seconds) to every one."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.fault: Fault = "none"
        self.delay = 0.0
        self.connections = 0
        self.replies = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.target)
        pipes = (self._forward(reader, upstream_writer), self._reply(upstream_reader, writer))
        tasks = [asyncio.create_task(pipe) for pipe in pipes]
        self._tasks.update(tasks)
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
            self._tasks.discard(task)
        upstream_writer.close()
        writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)

    async def _reply(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if self.delay:
                await asyncio.sleep(self.delay)
            self.replies += 1
            fault, self.fault = self.fault, "none"
            if fault == "none":
                writer.write(data)
                continue
            if fault == "garbage":
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                continue
            if fault == "swap":
                writer.write(b"+OK\r\n")
                continue
            if fault == "hang":
                await asyncio.Event().wait()
            if fault == "truncate":
                writer.write(data[: len(data) // 2])
            if fault == "reset":
                sock: socket.socket = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
                writer.transport.abort()
            return


@asynccontextmanager
async def lying_proxy(target: int) -> AsyncIterator[LyingProxy]:
    """Run a proxy in front of the server on loopback port `target`, for as long as the block lasts."""
    proxy = LyingProxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in list(proxy._tasks):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*proxy._tasks, return_exceptions=True)
        await server.wait_closed()
