"""Clients that take their answers as slowly as they like, and answers that are too large to be kept for them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SIZE: Final = 8 * 1024 * 1024
"""More than the kernel and the gateway keep between a service and a client."""
LARGE: Final = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE + bytes(SIZE)


@asynccontextmanager
async def reader(port: int, *sent: bytes, address: str = "127.0.0.1") -> AsyncIterator[socket.socket]:
    """Connect from a loopback address and send; nothing is read until `take` does, and little fits meanwhile."""
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.bind((address, 0))
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", port))
        await loop.sock_sendall(sock, b"".join(sent))
        yield sock


async def take(sock: socket.socket, size: int) -> int:
    """Read `size` octets, or all there are before the end; return how many they were."""
    return len(await read(sock, size))


async def read(sock: socket.socket, size: int) -> bytes:
    """The same; return the octets. With what it still had to send, the kernel may end a connection by a reset."""
    loop, data = asyncio.get_running_loop(), bytearray()
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(20):
            while len(data) < size and (piece := await loop.sock_recv(sock, min(1 << 20, size - len(data)))):
                data += piece
    return bytes(data)
