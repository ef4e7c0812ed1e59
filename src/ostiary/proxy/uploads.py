"""The requests whose clients still owe some of the body, while a connection to the upstream waits for it.

Looked at now and then rather than noted with each request, so that no request pays for them (law 9). One that brings
less than `LEAST` within the grace is held up by its client, as an answer is that is not taken; but not while it is the
upstream that takes no more, or the gateway that does not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from ostiary.proxy.exchange import Exchange
    from ostiary.proxy.held_up import HeldUp
    from ostiary.proxy.upstream import UpstreamConnection

LEAST: Final = 16 * 1024
"""Bytes that a body has to bring within the grace, so as not to be held up."""


class _Mark(NamedTuple):
    """How far a body had come at one time."""

    exchange: Exchange
    received: int
    mono: float


class Uploads:
    """Watches over the `connections` of one upstream. `deadline` is watched by the worker's `Deadlines`.

    Monotonic seconds.
    """

    def __init__(self, held_up: HeldUp, grace: float) -> None:
        self.connections: set[UpstreamConnection] = set()
        """All that are open."""
        self.deadline = 0.0
        """When to look next: each time that `Deadlines` does."""
        self._held_up = held_up
        self._grace = grace
        self._marks: dict[UpstreamConnection, _Mark] = {}

    def expired(self, mono: float) -> None:
        """Look at every request that is not complete, and tell which are held up by their clients from now on."""
        self.deadline = mono
        marks, self._marks = self._marks, {}
        for connection in self.connections:
            exchange = connection.awaits
            if exchange is not None:
                self._watch(connection, exchange, marks.get(connection), mono)

    def _watch(self, connection: UpstreamConnection, exchange: Exchange, mark: _Mark | None, mono: float) -> None:
        if mark is None or mark.exchange is not exchange or exchange.received - mark.received >= LEAST:
            mark = _Mark(exchange, exchange.received, mono)
            self._held_up.end(connection)
        elif mono - mark.mono >= self._grace and connection not in self._held_up:
            self._held_up.begin_upload(connection, mark.mono)
        self._marks[connection] = mark
