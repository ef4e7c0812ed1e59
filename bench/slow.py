"""Clients that take their time: ``python -m bench.slow {loris,reader} PORT COUNT AN_ADDRESS``.

A *loris* sends the octets of a request head one a second; a *reader* asks for 2 MiB, more than the kernel keeps for it,
and takes 512 octets of it a second, through the smallest buffer that there is. Whoever is thrown out comes back. Once
all have been slow for a while, it says "ready". AN_ADDRESS is how many come from each address, as in `connect`.
"""

from __future__ import annotations

import itertools
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from bench.crowd import connect

if TYPE_CHECKING:
    import socket

_HEAD: Final = b"GET /download HTTP/1.1\r\nHost: h\r\n"
_BIT: Final = 512
_ROUND: Final = 1.0
_SETTLED: Final = 4
"""Rounds after which what the buffers on the way hold has been sent."""


def arrive(kind: str, port: int, number: int, an_address: int) -> socket.socket:
    """Open one connection and begin."""
    buffer = 1024 if kind == "reader" else 0
    connection = connect(port, number, an_address=an_address, receive_buffer=buffer)
    connection.sendall(_HEAD + (b"\r\n" if kind == "reader" else b"X: "))
    connection.setblocking(False)
    return connection


def goes_on(kind: str, connection: socket.socket) -> bool:
    """Do a little; False once the gateway has had enough."""
    try:
        if kind == "loris":
            connection.send(b"x")
        return connection.recv(_BIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def attack(kind: str, port: int, count: int, an_address: int) -> None:
    """Go on until killed; a round's work is spread over its second."""
    crowd = [arrive(kind, port, number, an_address) for number in range(count)]
    for turn in itertools.count():
        if turn == _SETTLED:
            print("ready", flush=True)
        began = time.monotonic()
        for number, connection in enumerate(crowd):
            if not goes_on(kind, connection):
                connection.close()
                with suppress(OSError):
                    crowd[number] = arrive(kind, port, number, an_address)
            if number % 20 == 19:
                due = began + _ROUND * (number + 1) / count
                time.sleep(max(0.0, due - time.monotonic()))  # noqa: TID251 - an attacker takes its time


if __name__ == "__main__":
    attack(sys.argv[1], *map(int, sys.argv[2:5]))
