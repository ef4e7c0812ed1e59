"""What is left in the socket of a connection that broke. What comes of it is in tests/cases/test_refused_uploads.py."""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from ostiary.proxy.last_words import MOST, last_words

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

_RESETS = struct.pack("ii", 1, 0)


class Over:
    """A transport whose connection is lost, and whose socket is still open."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def get_extra_info(self, name: str) -> socket.socket:
        assert name == "socket"
        return self._sock


def heard(sock: socket.socket) -> bytes:
    return last_words(cast("asyncio.BaseTransport", Over(sock)))


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as ours:
        theirs, _ = listener.accept()
        with theirs:
            yield ours, theirs


def test_what_came_before_a_reset_is_heard() -> None:
    with pair() as (ours, theirs):
        theirs.sendall(b"too large")
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESETS)
        theirs.close()
        assert heard(ours) == b"too large"
        assert ours.fileno() >= 0, "it is for the transport to close"


def test_where_nothing_came_nothing_is_waited_for() -> None:
    with pair() as (ours, theirs):
        assert heard(ours) == b""
        theirs.close()
        assert heard(ours) == b""


def test_of_much_only_so_much_is_read() -> None:
    with pair() as (ours, theirs):
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MOST)
        theirs.setblocking(False)
        sent = 0
        while sent <= MOST:
            sent += theirs.send(bytes(MOST))
        assert len(heard(ours)) == MOST


def test_a_socket_that_is_closed_has_nothing_to_say() -> None:
    with pair() as (ours, _):
        ours.close()
        assert heard(ours) == b""
