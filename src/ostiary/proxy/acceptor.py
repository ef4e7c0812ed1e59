"""Accepts connections in the event loop's place, where peers are named that speak the PROXY protocol.

The header comes before anything else, TLS included, and says whose connection it is. So the connections of these peers
are heard out first; those of all others are handed over as they come, to be read as what any client sends. Without
such peers there is no acceptor, and nothing here costs anything.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from ostiary.config.addresses import is_loopback
from ostiary.http.forwarded import Trusted, read_address
from ostiary.http.proxy_protocol import BadHeader, Header
from ostiary.observe import families
from ostiary.observe.security_log import PROXY_HEADER_REFUSED
from ostiary.proxy.introduction import Introduction, Unheard

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from socket import socket

    from ostiary.http.forwarded import Address
    from ostiary.observe.metrics import Metrics
    from ostiary.observe.security_log import SecurityLog
    from ostiary.proxy.door import ProxyDoor
    from ostiary.proxy.introduction import Outcome

    Connect = Callable[[Callable[[], asyncio.Protocol], socket], Coroutine[object, object, object]]
    """`connect_accepted_socket` of an event loop, with what it needs to know of TLS."""

_AT_ONCE: Final = 128
"""Connections accepted before other events have their turn."""
_REST_SECONDS: Final = 0.1
"""How long nothing is accepted once that was impossible, for want of descriptors or of memory."""
_FOREIGN: Final = BadHeader("The address is the loopback of another machine.")


class Acceptor:
    """Takes the connections of `listener`, a bound socket that does not block and belongs to the acceptor from now on.

    `close` and `sockets` are as of `asyncio.Server`.
    """

    def __init__(
        self, listener: socket, door: ProxyDoor, connect: Connect, metrics: Metrics, security_log: SecurityLog
    ) -> None:
        self.sockets = (listener,)
        self._listener = listener
        self._door = door
        self._connect = connect
        self._security_log = security_log
        self._settings = door.server.proxy_protocol
        self._peers = Trusted(self._settings.peers)
        self._results = {
            result: metrics.counter(families.PROXY_HEADERS, result)
            for result in ("told", "own", "malformed", "timeout", "abandoned", "refused")
        }
        self._introductions: set[Introduction] = set()
        self._arrivals: dict[asyncio.Task[object], socket] = {}
        """Connections that are about to be the door's, such as those whose TLS handshake is under way."""
        self._resting: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(listener, self._accept)

    def close(self) -> None:
        """Accept nothing more, and close every connection that is not the door's yet. Once more does nothing more."""
        if self._listener.fileno() < 0:
            return
        if self._resting is not None:
            self._resting.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for introduction in list(self._introductions):
            introduction.stop()
            self._forget(introduction)
            introduction.connection.close()
        for arrival in self._arrivals:
            arrival.cancel()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, name = self._listener.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError:  # which would be told again at once, and forever
                self._loop.remove_reader(self._listener)
                self._resting = self._loop.call_later(_REST_SECONDS, self._go_on)
                return
            connection.setblocking(False)
            sender = read_address(name[0])
            if sender is not None and sender in self._peers:
                self._introduce(connection, sender)
            else:
                self._hand_over(connection, None)

    def _go_on(self) -> None:
        self._loop.add_reader(self._listener, self._accept)

    def _introduce(self, connection: socket, sender: Address) -> None:
        door, settings = self._door, self._settings
        if not door.admit():
            connection.close()
            return
        if len(self._introductions) >= settings.waiting:
            self._results["refused"].value += 1
            connection.close()
            return
        deadline = door.monotonic() + settings.timeout
        introduction = Introduction(connection, sender, settings.header_bytes, deadline, self._introduced)
        self._introductions.add(introduction)
        door.arriving += 1
        door.watch(introduction)

    def _forget(self, introduction: Introduction) -> None:
        self._introductions.discard(introduction)
        self._door.arriving -= 1
        self._door.forget(introduction)

    def _introduced(self, introduction: Introduction, outcome: Outcome) -> None:
        self._forget(introduction)
        connection, sender, door = introduction.connection, introduction.sender, self._door
        outcome = _judged(outcome, sender)
        if isinstance(outcome, Header):
            self._results["own" if outcome.address is None else "told"].value += 1
            self._hand_over(connection, outcome.address)
            return
        connection.close()
        if isinstance(outcome, Unheard):
            self._results[outcome.result].value += 1
        elif isinstance(outcome, BadHeader):
            self._results["malformed"].value += 1
            self._security_log.write(
                PROXY_HEADER_REFUSED, door.wall(), door.monotonic(), client=sender, detail=outcome.detail
            )
        else:
            door.bug(outcome)

    def _hand_over(self, connection: socket, told: Address | None) -> None:
        """Leave `connection` to the event loop and the door."""
        arrival = self._loop.create_task(self._connect(partial(self._door.connection, told), connection))
        self._arrivals[arrival] = connection
        arrival.add_done_callback(self._arrived)

    def _arrived(self, arrival: asyncio.Task[object]) -> None:
        connection = self._arrivals.pop(arrival)
        if arrival.cancelled():
            connection.close()
        elif (error := arrival.exception()) is not None:
            connection.close()
            if not isinstance(error, OSError):  # a client that left, or a handshake that failed, is told of elsewhere
                self._door.bug(error)


def _judged(outcome: Outcome, sender: Address) -> Outcome:
    """Refuse a loopback address that another machine tells: it is that machine's own, and must not pass for ours."""
    told = outcome.address if isinstance(outcome, Header) else None
    return _FOREIGN if told is not None and is_loopback(told) and not is_loopback(sender) else outcome
