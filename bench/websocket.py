"""WebSockets under load (RFC 6455): on each, one message is under way to a service that sends it back as it came."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Final

from bench import requests
from bench.load import STALL, Load, LoadError, Slice

if TYPE_CHECKING:
    from bench.load import Connection, Pool

TARGET: Final = "/live/17"
"""Where gateways let WebSockets through."""
_FIELDS: Final = (
    b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: c2l4dGVlbiBvY3RldHMhIQ==\r\n\r\n"
)


def handshake(token: str) -> bytes:
    """What asks for a WebSocket."""
    return requests.render(token, TARGET).removesuffix(b"\r\n\r\n") + _FIELDS


def message(size: int) -> bytes:
    """A masked binary frame with `size` octets, fewer than 65,536."""
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2)
    return b"\x82" + length + bytes(4) + b"x" * size


class Messages(Load):
    """Drives one port with messages of one length, over WebSockets that are opened before the clock starts.

    A message counts each time that it is passed on: twice until it is back.
    """

    def __init__(self, port: int, messages: Pool, opening: bytes, *, connections: int = 32) -> None:
        self._opening = opening
        super().__init__(port, messages, connections=connections)
        self._size = len(next(self._requests))

    def saturate(self, seconds: float) -> Slice:
        """Closed loop: every message is followed by the next one as soon as it is back."""
        done = super().saturate(seconds)
        return Slice(2 * done.requests, done.seconds)

    def _connect(self) -> Connection:
        connection = super()._connect()
        connection.socket.send(self._opening)
        head = b""
        while b"\r\n\r\n" not in head:
            came, _, _ = select.select([connection.socket], [], [], STALL)
            piece = connection.socket.recv(4096) if came else b""
            if not piece:
                break
            head += piece
        if not head.startswith(b"HTTP/1.1 101 "):
            self.__exit__()
            raise LoadError(f"expected HTTP/1.1 101, got {head[:400]!r}")
        return connection

    def _receive(self, connection: Connection) -> bool:
        """Take what has come; True when the message is back, whole."""
        try:
            count = connection.socket.recv_into(self._scratch)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            count = 0
        if not count:
            raise LoadError("the gateway closed a WebSocket")
        connection.left = (connection.left or self._size) - count
        if connection.left < 0:
            raise LoadError("more came back than was sent")
        return connection.left == 0
