from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from bench.load import LoadError
from bench.websocket import Messages, handshake, message

if TYPE_CHECKING:
    from collections.abc import Iterator

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


@contextmanager
def server(answer: bytes, *, more: bytes = b"", most: int = 1 << 30) -> Iterator[int]:
    """Answers a handshake, then sends back what comes, `more` with each piece, until it had `most` octets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):  # the load may go while a message is under way
                connection.recv(65_536)
                connection.sendall(answer)
                had = 0
                while had < most and (data := connection.recv(300)):
                    had += len(data)
                    connection.sendall(data + more)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def load(port: int, size: int = 1000) -> Messages:
    return Messages(port, [message(size)], handshake("token"), connections=1)


def test_a_message_that_is_back_was_passed_on_twice() -> None:
    with server(SWITCH) as port, load(port) as messages:
        done = messages.saturate(0.05).requests
    assert done > 2
    assert done % 2 == 0


def test_a_handshake_that_is_refused_is_told() -> None:
    wrong = pytest.raises(LoadError, match=r"expected HTTP/1\.1 101, got b'HTTP/1\.1 403")
    with server(b"HTTP/1.1 403 Forbidden\r\n\r\n", most=0) as port, wrong:
        load(port)
    with server(b"", most=0) as port, pytest.raises(LoadError, match="got b''"):
        load(port)


def test_more_than_was_sent_and_an_end_stop_the_load() -> None:
    with server(SWITCH, more=b"!") as port, load(port) as messages, pytest.raises(LoadError, match="more came back"):
        messages.saturate(1)
    with server(SWITCH, most=1) as port, load(port, 100) as messages, pytest.raises(LoadError, match="closed"):
        messages.saturate(1)


def test_frames_say_their_length() -> None:
    assert message(5) == b"\x82\x85\0\0\0\0xxxxx"
    assert message(1000)[:4] == b"\x82\xfe\x03\xe8"
    assert len(message(16_000)) == 16_008
