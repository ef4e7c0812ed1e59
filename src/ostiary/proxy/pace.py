"""The bounds on whole requests: how long one may take with its answer, and how slowly its body may come.

Looked at now and then rather than kept as deadlines, so that no request pays for them (law 9): a request is ended late,
by no more than the time between two looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import REQUEST_TIMEOUT, UPSTREAM_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ostiary.config.model import Server
    from ostiary.observe.metrics import Metrics
    from ostiary.proxy.client import ClientConnection
    from ostiary.proxy.exchange import Exchange

WINDOW: Final = 30.0
"""Seconds over which a body's rate is measured."""
_PERIOD: Final = 10.0
_SLOW_CLIENT: Final = Refusal(REQUEST_TIMEOUT)
_SLOW_UPSTREAM: Final = Refusal(UPSTREAM_TIMEOUT)


class _Mark(msgspec.Struct, frozen=True):
    """How far a body had come at one time."""

    exchange: Exchange
    received: int
    holds: int
    mono: float


class Pace:
    """Watches over the exchanges of `clients`. `deadline` is watched by the worker's `Deadlines`; monotonic seconds."""

    def __init__(self, clients: Iterable[ClientConnection], server: Server, metrics: Metrics) -> None:
        self._clients = clients
        self._total = server.timeouts.total
        self._rate = server.bounds.body_rate
        self._metrics = metrics
        self._period = min(_PERIOD, self._total / 10)
        self._marks: dict[ClientConnection, _Mark] = {}
        self.deadline = 0.0
        """When to look next."""

    def expired(self, mono: float) -> None:
        """Look at every exchange, and end those that take too long."""
        self.deadline = mono + self._period
        marks, self._marks = self._marks, {}
        for client in tuple(self._clients):
            exchange = client.exchange
            if exchange is None:
                continue
            if mono - exchange.started > self._total:
                self._metrics.requests_cut_total.value += 1
                client.cut(_SLOW_CLIENT if client.receiving else _SLOW_UPSTREAM)
            elif client.receiving and self._rate:
                self._watch(client, exchange, marks.get(client), mono)

    def _watch(self, client: ClientConnection, exchange: Exchange, mark: _Mark | None, mono: float) -> None:
        """End a request whose body has come too slowly since `mark`. While the upstream is full, nobody can tell."""
        if mark is None or mark.exchange is not exchange or mark.holds != client.holds or client.held:
            mark = _Mark(exchange, exchange.received, client.holds, mono)
        elif mono - mark.mono >= WINDOW:
            if exchange.received - mark.received < self._rate * (mono - mark.mono):
                self._metrics.requests_cut_body_rate.value += 1
                client.cut(_SLOW_CLIENT)
                return
            mark = _Mark(exchange, exchange.received, client.holds, mono)
        self._marks[client] = mark
