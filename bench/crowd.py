"""Thousands of connections that mostly do nothing, from as many loopback addresses as the gateway's bounds ask for."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final, Self

from bench.load import LoadError

if TYPE_CHECKING:
    from collections.abc import Sequence

AN_ADDRESS: Final = 500
"""Connections from each address: a quarter of what the gateway lets one have by default."""
_AT_ONCE: Final = 200
_PATIENCE: Final = 20.0


def connect(port: int, number: int, *, an_address: int = AN_ADDRESS, receive_buffer: int = 0) -> socket.socket:
    """Open connection `number` of a crowd that has `an_address` of them come from each address; 0: all from 127.0.0.1.

    `receive_buffer` is in bytes, if it is not to be the system's own choice.
    """
    connection = socket.socket()
    connection.settimeout(_PATIENCE)
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    high, low = divmod(2 + number // an_address if an_address else 1, 256)
    connection.bind((f"127.0.{high}.{low}", 0))
    connection.connect(("127.0.0.1", port))
    return connection


class Crowd:
    """`count` open connections, each of which has talked: sent these messages, and read up to these endings.

    Use it as a context manager.
    """

    def __init__(self, port: int, count: int, talk: Sequence[tuple[bytes, bytes]]) -> None:
        self._port = port
        self._count = count
        self._talk = talk
        self._connections: list[socket.socket] = []

    def __enter__(self) -> Self:
        for start in range(0, self._count, _AT_ONCE):
            some = [connect(self._port, number) for number in range(start, min(start + _AT_ONCE, self._count))]
            self._connections += some
            for message, ending in self._talk:
                _converse(some, message, ending)
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.close()

    def converse(self, message: bytes, ending: bytes) -> None:
        """Send `message` on each and read what comes until `ending` does. Raises `LoadError`."""
        for start in range(0, self._count, _AT_ONCE):
            _converse(self._connections[start : start + _AT_ONCE], message, ending)


def _converse(connections: list[socket.socket], message: bytes, ending: bytes) -> None:
    for connection in connections:
        connection.sendall(message)
    for connection in connections:
        read = b""
        while not read.endswith(ending):
            piece = connection.recv(4096)
            if not piece:
                raise LoadError(f"the gateway closed a connection: {read[:200]!r}")
            read += piece
