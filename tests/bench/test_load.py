from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from bench.load import Load, LoadError, content_length

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def server(pieces: Sequence[bytes]) -> Iterator[int]:
    """Answers every request of one connection with these pieces, one packet each."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection, suppress(OSError):  # the load may go while it is being answered
                while connection.recv(65_536):
                    for piece in pieces:
                        connection.sendall(piece)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def test_closed_loop_counts_whole_answers() -> None:
    with server([ANSWER]) as port, Load(port, [REQUEST], connections=1) as load:
        assert load.saturate(0.05).requests > 1


def test_a_batch_begins_and_ends_in_silence() -> None:
    with server([ANSWER[:9], ANSWER[9:]]) as port, Load(port, [REQUEST], connections=1) as load:
        assert load.complete(3).requests == 3
        assert load.saturate(0.01).requests > 0
        assert load.complete(2).requests == 2


def test_an_answer_may_come_in_pieces() -> None:
    with server([ANSWER[:9], ANSWER[9:30], ANSWER[30:]]) as port, Load(port, [REQUEST], connections=1) as load:
        assert load.saturate(0.05).requests > 1


def test_another_status_stops_the_load() -> None:
    wrong = pytest.raises(LoadError, match=r"expected HTTP/1\.1 401")
    with server([ANSWER]) as port, Load(port, [REQUEST], status=401, connections=1) as load, wrong:
        load.saturate(0.05)


def test_any_status_will_do_while_warming() -> None:
    with server([ANSWER]) as port, Load(port, [REQUEST], status=0, connections=1) as load:
        assert load.saturate(0.05).requests > 1


def test_more_than_the_length_says_stops_the_load() -> None:
    wrong = pytest.raises(LoadError, match="more came")
    with server([ANSWER + b"!"]) as port, Load(port, [REQUEST], connections=1) as load, wrong:
        load.saturate(0.05)


def test_open_loop_keeps_its_rate_and_answers_all() -> None:
    with server([ANSWER]) as port, Load(port, [REQUEST], connections=1) as load:
        latencies = load.paced(rate=500, seconds=0.1)
    assert 45 <= len(latencies) <= 50
    assert min(latencies) > 0


def test_content_length() -> None:
    assert content_length(b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 12\r\n\r\n") == 12
    with pytest.raises(LoadError):
        content_length(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
