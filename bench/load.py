"""The load generator: one thread, raw sockets, epoll, nothing per request that could be done before.

It costs about as much as the kernel's own share of a request, so that one processor carries it and the upstream while
a gateway saturates the other. Every answer is checked: its status, its length, and that nothing follows it.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import select
import socket
import ssl
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Final, Self

import msgspec

from bench.certificate import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Pool = Sequence[bytes] | itertools.cycle[bytes]

STALL: Final = 15.0
"""Seconds without any answer after which a gateway is said to hang."""


class LoadError(Exception):
    """The gateway did not do what the case expects of it."""


class Slice(msgspec.Struct, frozen=True):
    """What one stretch of load got done."""

    requests: int
    seconds: float


class Secure:
    """A TLS connection with the manners of a plain one: what has come is taken, and what has not would block."""

    def __init__(self, wrapped: ssl.SSLSocket) -> None:
        self._wrapped = wrapped
        self.close = wrapped.close
        self.fileno = wrapped.fileno
        self.setblocking = wrapped.setblocking

    def send(self, data: bytes | memoryview) -> int:
        """As of a socket."""
        try:
            return self._wrapped.send(data)
        except ssl.SSLWantWriteError:
            raise BlockingIOError from None

    def recv(self, size: int) -> bytes:
        """All records that have come, of `size` bytes at most."""
        pieces = bytearray()
        try:
            while len(pieces) < size:
                piece = self._wrapped.recv(size - len(pieces))
                pieces += piece
                if not piece or not self._wrapped.pending():
                    break
        except ssl.SSLWantReadError:
            if not pieces:
                raise BlockingIOError from None
        return bytes(pieces)

    def recv_into(self, buffer: memoryview) -> int:
        """As above."""
        data = self.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Connection:
    """One kept-alive connection with at most one request under way."""

    __slots__ = ("asked", "buffer", "left", "pending", "socket")

    def __init__(self, port: int, tls: ssl.SSLContext | None) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=STALL)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = plain if tls is None else Secure(tls.wrap_socket(plain, server_hostname=NAME))
        self.socket.setblocking(False)
        self.buffer = b""
        self.left = 0
        self.pending: memoryview | None = None
        self.asked = 0.0


class Load:
    """Drives one port with requests from a pool, in turn, and expects the same status of all of them (0: any).

    A pool that is a cycle already goes on where its last load left off.
    """

    def __init__(
        self, port: int, requests: Pool, *, status: int = 200, connections: int = 32, tls: ssl.SSLContext | None = None
    ) -> None:
        self._port = port
        self._tls = tls
        self._requests = requests if isinstance(requests, itertools.cycle) else itertools.cycle(requests)
        self._status = b"HTTP/1.1 %d" % status if status else b"HTTP/1.1 "
        self._body = -1  # learned from the first answer
        self._epoll = select.epoll()
        self._scratch = memoryview(bytearray(1 << 18))
        self._connections: dict[int, Connection] = {}
        for _ in range(connections):
            self._connect()
        self._idle = deque(self._connections.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections.values():
            connection.socket.close()
        self._epoll.close()

    def saturate(self, seconds: float) -> Slice:
        """Closed loop: every connection asks again as soon as it is answered."""
        while self._idle:
            self._send(self._idle.popleft())
        poll, connections, receive, send = self._epoll.poll, self._connections, self._receive, self._send
        done = 0
        start = now = perf_counter()
        while now - start < seconds:
            for fd, event in self._events(poll(STALL)):
                connection = connections[fd]
                if event & select.EPOLLOUT:
                    self._resume(connection)
                if event & ~select.EPOLLOUT and receive(connection):
                    done += 1
                    send(connection)
            now = perf_counter()
        return Slice(done, now - start)

    def paced(self, rate: float, seconds: float) -> list[float]:
        """Open loop: a request every 1/rate s, whatever the answers do. Latencies in seconds from when each was due."""
        self.settle()
        late: deque[float] = deque()
        latencies: list[float] = []
        due = start = perf_counter()  # before the metronome begins, lest a beat come before it is due
        with Metronome(1 / rate) as tick:
            self._epoll.register(tick.fd, select.EPOLLIN)
            while due - start < seconds or len(self._idle) < len(self._connections):
                for fd, event in self._events(self._epoll.poll(STALL)):
                    if fd == tick.fd:
                        for _ in range(tick.beats()):
                            due += tick.interval
                            if due - start < seconds:
                                late.append(due)
                        continue
                    connection = self._connections[fd]
                    if event & select.EPOLLOUT:
                        self._resume(connection)
                    if event & ~select.EPOLLOUT and self._receive(connection):
                        latencies.append(perf_counter() - connection.asked)
                        self._idle.append(connection)
                while late and self._idle:
                    connection = self._idle.popleft()
                    connection.asked = late.popleft()
                    self._send(connection)
            self._epoll.unregister(tick.fd)
        return latencies

    def complete(self, count: int) -> Slice:
        """Closed loop of `count` requests, from silence to silence: none is under way when the clock is read."""
        self.settle()
        left = count
        start = perf_counter()
        while left or len(self._idle) < len(self._connections):
            while left and self._idle:
                self._send(self._idle.popleft())
                left -= 1
            self._idle.extend(self._answered())
        return Slice(count, perf_counter() - start)

    def settle(self) -> None:
        """Wait until nothing is under way."""
        while len(self._idle) < len(self._connections):
            self._idle.extend(self._answered())

    def _answered(self) -> Iterator[Connection]:
        """The connections whose answers are whole, once there is something to do."""
        for fd, event in self._events(self._epoll.poll(STALL)):
            connection = self._connections[fd]
            if event & select.EPOLLOUT:
                self._resume(connection)
            if event & ~select.EPOLLOUT and self._receive(connection):
                yield connection

    def _events(self, events: list[tuple[int, int]]) -> list[tuple[int, int]]:
        if not events:
            raise LoadError(f"no answer within {STALL:.0f} s")
        return events

    def _connect(self) -> Connection:
        connection = Connection(self._port, self._tls)
        fd = connection.socket.fileno()
        self._connections[fd] = connection
        self._epoll.register(fd, select.EPOLLIN)
        return connection

    def _send(self, connection: Connection) -> None:
        request = next(self._requests)
        try:
            sent = connection.socket.send(request)
        except BlockingIOError:
            sent = 0
        except (BrokenPipeError, ConnectionResetError):
            connection = self._replace(connection)
            sent = connection.socket.send(request)
        if sent < len(request):
            connection.pending = memoryview(request)[sent:]
            self._epoll.modify(connection.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _resume(self, connection: Connection) -> None:
        pending = connection.pending
        if pending is None:
            return
        try:
            pending = pending[connection.socket.send(pending) :]
        except BlockingIOError:
            return
        if pending:
            connection.pending = pending
            return
        connection.pending = None
        self._epoll.modify(connection.socket.fileno(), select.EPOLLIN)

    def _receive(self, connection: Connection) -> bool:
        """Take what has come; True when the answer is whole and right."""
        if connection.left:
            return self._receive_body(connection)
        try:
            data = connection.socket.recv(65_536)
        except BlockingIOError:
            return False
        except ConnectionResetError as error:
            raise LoadError("the gateway reset a connection") from error
        if not data:
            raise LoadError(f"the gateway closed a connection in the middle of a request: {connection.buffer[:200]!r}")
        if connection.buffer:
            data = connection.buffer + data
        head = data.find(b"\r\n\r\n") + 4
        if head + self._body == len(data) and data.startswith(self._status) and connection.pending is None:
            connection.buffer = b""
            return True
        return self._receive_slowly(connection, data, head)

    def _receive_slowly(self, connection: Connection, data: bytes, head: int) -> bool:
        """An answer in pieces, of another length than the last one's, or a wrong one."""
        if head < 4:
            connection.buffer = data
            return False
        if not data.startswith(self._status):
            raise LoadError(f"expected {self._status.decode()}, got {data[:400]!r}")
        if connection.pending is not None:
            raise LoadError("answered before the request was sent")
        self._body = content_length(data[:head])
        connection.buffer = b""
        connection.left = head + self._body - len(data)
        if connection.left < 0:
            raise LoadError("more came than the answer's length said")
        return connection.left == 0

    def _receive_body(self, connection: Connection) -> bool:
        try:
            count = connection.socket.recv_into(self._scratch)
        except BlockingIOError:
            return False
        if not count:
            raise LoadError("the gateway closed a connection in the middle of a body")
        connection.left -= count
        if connection.left < 0:
            raise LoadError("more came than the answer's length said")
        return connection.left == 0

    def _replace(self, connection: Connection) -> Connection:
        """A server may close a connection between two requests; ask again on a new one."""
        del self._connections[connection.socket.fileno()]
        connection.socket.close()
        return self._connect()


def content_length(head: bytes) -> int:
    """The Content-Length of a response head; raises `LoadError` where there is none."""
    for line in head.lower().split(b"\r\n")[1:]:
        if line.startswith(b"content-length:"):
            return int(line[15:])
    raise LoadError(f"no Content-Length: {head!r}")


class Metronome:
    """A periodic timer that epoll can wait for, to the microsecond, without spinning (timerfd_create(2))."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.timerfd_create(1, os.O_NONBLOCK | os.O_CLOEXEC)  # CLOCK_MONOTONIC, as perf_counter
        seconds, nanoseconds = divmod(round(interval * 1e9), 1_000_000_000)
        spec = (ctypes.c_long * 4)(seconds, nanoseconds, seconds, nanoseconds)
        if self.fd < 0 or libc.timerfd_settime(self.fd, 0, spec, None):
            number = ctypes.get_errno()
            raise OSError(number, errno.errorcode.get(number, "timerfd"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def beats(self) -> int:
        """Intervals that passed since the last call."""
        try:
            return int.from_bytes(os.read(self.fd, 8), "little")
        except BlockingIOError:
            return 0
