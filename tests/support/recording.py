"""An upstream, or any HTTP server, that remembers each byte it was sent and answers exactly what the test says."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from tests.support.http1 import Head, read_chunks, read_head

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

    Handler = Callable[["Conversation"], Awaitable[None]]

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Received(msgspec.Struct, frozen=True):
    """One request as it came in: its head, and the body as framed, chunk sizes included."""

    head: Head
    body: bytes
    connection: int
    """Which connection it came on, counted from 0."""

    @property
    def method(self) -> str:
        return self.head.start.split(" ")[0]

    @property
    def target(self) -> str:
        return self.head.start.split(" ")[1]

    def values(self, name: str) -> list[str]:
        """Return the values of a header field, whatever the case of its name."""
        return self.head.values(name)


class Conversation(msgspec.Struct, frozen=True):
    """One request with the means to answer it in any way: handlers write what they like, wait, or close."""

    request: Received
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Write `data` and wait until the peer takes it."""
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        """End the connection in order."""
        self.writer.close()

    def reset(self) -> None:
        """End the connection with an RST."""
        connection: socket.socket = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class RecordingUpstream:
    """What `recording_upstream` yields. Requests beyond the scripted answers get `default`."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[Received] = []
        self.connections = 0
        self.open = 0
        self.default: bytes | Handler = OK
        self._script: list[bytes | Handler] = []
        self._arrived = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, *answers: bytes | Handler) -> None:
        """Answer the next requests with these, in order: bytes as they stand, or what a handler does."""
        self._script.extend(answers)

    async def arrived(self, count: int, seconds: float = 10.0) -> list[Received]:
        """Return the requests once there are `count` of them. Raises `TimeoutError`."""
        async with asyncio.timeout(seconds), self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)
        return self.requests

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until the peer or a handler ends it."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        self._writers.add(writer)
        number = self.connections
        self.connections += 1
        self.open += 1
        try:
            while not writer.is_closing():
                request = await _read(reader, number)
                self.requests.append(request)
                async with self._arrived:
                    self._arrived.notify_all()
                await self._answer(Conversation(request, reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the peer left, or the test is over
        finally:
            self.open -= 1
            self._writers.discard(writer)
            if task is not None:
                self._tasks.discard(task)
            writer.close()

    async def stop(self) -> None:
        """End all conversations."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, conversation: Conversation) -> None:
        answer = self._script.pop(0) if self._script else self.default
        if isinstance(answer, bytes):
            await conversation.send(answer)
        else:
            await answer(conversation)


async def _read(reader: asyncio.StreamReader, connection: int) -> Received:
    head = await read_head(reader)
    if head.chunked:
        raw, _ = await read_chunks(reader)
        return Received(head, raw, connection)
    length = int((head.values("content-length") or ["0"])[0])
    return Received(head, await reader.readexactly(length), connection)


@asynccontextmanager
async def recording_upstream(tls: ssl.SSLContext | None = None) -> AsyncIterator[RecordingUpstream]:
    """Serve on an ephemeral loopback port for as long as the block lasts."""
    upstream = RecordingUpstream()
    server = await asyncio.start_server(upstream.converse, "127.0.0.1", 0, limit=1 << 20, ssl=tls)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        await upstream.stop()
        await server.wait_closed()
