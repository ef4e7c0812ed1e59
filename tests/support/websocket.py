"""WebSockets: handshakes and frames as bytes, a real echo service, and a real client."""

from __future__ import annotations

import base64
import hashlib
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import websockets.asyncio.server
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from tests.support.http1 import request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence


KEY: Final = base64.b64encode(b"sixteen octets!!").decode()
ACCEPT: Final = base64.b64encode(hashlib.sha1(f"{KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()  # noqa: S324  # RFC 6455
ASKING: Final = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}
SWITCH: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n" % ACCEPT.encode()
)
"""A good answer to `ASKING`, but for the empty line that ends it."""


def handshake(headers: Mapping[str, str | None] | None = None, *, token: str = "", target: str = "/") -> bytes:
    """Return a request for a WebSocket; `headers` replace the usual ones, None leaves one out."""
    merged = {name: value for name, value in {**ASKING, **(headers or {})}.items() if value is not None}
    if token:
        return request("GET", target, headers=merged, token=token)
    return request("GET", target, headers=merged)


def frame(data: bytes, opcode: Opcode = Opcode.BINARY, *, masked: bool = False, fin: bool = True) -> bytes:
    """Return one frame."""
    return Frame(opcode, data, fin).serialize(mask=masked)


def close_code(raw: bytes) -> int:
    """Return the code of the unmasked Close frame that `raw` is."""
    assert raw[:2] == b"\x88\x02", raw
    return int.from_bytes(raw[2:], "big")


@asynccontextmanager
async def echo_service(**options: object) -> AsyncIterator[str]:
    """Run a real service that echoes each message, and yield its URL."""

    async def echo(connection: websockets.asyncio.server.ServerConnection) -> None:
        with suppress(ConnectionClosed):  # tests break rules on purpose
            async for message in connection:
                await connection.send(message)

    def choose(_: websockets.asyncio.server.ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return Subprotocol("chat") if "chat" in offered else None

    serve = websockets.asyncio.server.serve
    async with serve(echo, "127.0.0.1", 0, select_subprotocol=choose, max_size=None, **options) as server:  # type: ignore[arg-type]  # options of any type
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
