"""The connections of one worker to one upstream: reused, bounded, with passive health of its targets."""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import UPSTREAM_ERROR, UPSTREAM_TIMEOUT, UPSTREAM_UNAVAILABLE
from ostiary.proxy.upstream import UpstreamConnection

if TYPE_CHECKING:
    from collections.abc import Callable

    from ostiary.config.model import Upstream
    from ostiary.observe.metrics import UpstreamMetrics
    from ostiary.proxy.deadlines import Deadlines
    from ostiary.proxy.exchange import Exchange

_REFUSED: Final = Refusal(UPSTREAM_ERROR)
_SLOW: Final = Refusal(UPSTREAM_TIMEOUT)
_FULL: Final = Refusal(UPSTREAM_UNAVAILABLE, retry_after=1)


class Target:
    """One instance of an upstream."""

    def __init__(self, url: str, upstream: Upstream, pool: UpstreamPool) -> None:
        parts = urlsplit(url)
        self.name = parts.netloc
        self.host = cast("str", parts.hostname)
        self.port = parts.port or 80
        self.timeouts = upstream
        self.idle: list[UpstreamConnection] = []
        self.open = 0
        """Connections that exist or are being made."""
        self.failures = 0
        """Failures in a row."""
        self.resting_until = 0.0
        """Monotonic seconds until which this target is left out while another is up."""
        self.pool = pool

    def failed(self) -> None:
        """Count a failure; enough of them in a row send the target to rest."""
        self.pool.target_failed(self)

    def lost(self, connection: UpstreamConnection) -> None:
        """Forget a connection that is closed."""
        self.pool.connection_lost(self, connection)


class UpstreamPool:
    """Hands connections to exchanges, making new ones as far as it may."""

    def __init__(
        self, upstream: Upstream, deadlines: Deadlines, metrics: UpstreamMetrics, monotonic: Callable[[], float]
    ) -> None:
        self.metrics = metrics
        self._settings = upstream
        self._deadlines = deadlines
        self._monotonic = monotonic
        self._targets = tuple(Target(url, upstream, self) for url in upstream.targets)
        self._alone = len(self._targets) == 1
        self._turn = 0
        self._waiting: deque[tuple[Exchange, float]] = deque()
        """Exchanges without a connection, and until when each may wait for one."""
        self.deadline = inf
        """When the longest waiting exchange has waited long enough."""
        deadlines.watch(self)
        self._dials: set[asyncio.Task[None]] = set()

    def serve(self, exchange: Exchange, mono: float) -> None:
        """Give `exchange` a connection: at once if one is idle, else when one is made or set free, else fail it."""
        target = self._targets[0] if self._alone else self._choose(mono)
        idle = target.idle
        while idle:
            connection = idle.pop()
            if not connection.closed:
                connection.carry(exchange)
                exchange.assigned(connection, mono)
                return
        self._ask(exchange, mono, target, len(self._targets))

    def serve_afresh(self, exchange: Exchange, target: Target) -> None:
        """Give `exchange` a connection that no other exchange has used, in place of one to `target` that is lost."""
        self._dial(exchange, target, len(self._targets))

    def release(self, connection: UpstreamConnection, mono: float) -> None:
        """Take back a connection whose exchange ended well."""
        target = connection.target
        target.failures = 0
        while self._waiting:
            exchange, _ = self._waiting.popleft()
            if not exchange.over:
                connection.carry(exchange)
                exchange.assigned(connection, mono)
                connection.flush()
                return
        connection.deadline = mono + self._settings.keep_alive
        target.idle.append(connection)

    def expired(self, mono: float) -> None:
        """Fail those that have waited for a connection for as long as making one may take."""
        waiting = self._waiting
        while waiting and (waiting[0][1] < mono or waiting[0][0].over):
            exchange, _ = waiting.popleft()
            if not exchange.over:
                self.metrics.queue_full.value += 1
                exchange.upstream_failed(_FULL, untouched=False)
        self.deadline = waiting[0][1] if waiting else inf

    def close(self) -> None:
        """Close what is idle and stop making connections."""
        for dial in self._dials:
            dial.cancel()
        for target in self._targets:
            for connection in target.idle:
                connection.abort()
            target.idle.clear()

    def target_failed(self, target: Target) -> None:
        """Count a failure of `target`."""
        target.failures += 1
        if target.failures >= self._settings.health.failures:
            target.resting_until = self._monotonic() + self._settings.health.rest

    def connection_lost(self, target: Target, connection: UpstreamConnection) -> None:
        """Forget a closed connection, and let somebody who waits have a new one in its place."""
        target.open -= 1
        self.metrics.connections.value -= 1
        self._deadlines.forget(connection)
        if connection in target.idle:
            target.idle.remove(connection)
        self._fill(target)

    def _choose(self, mono: float) -> Target:
        """Take the targets in turn, leaving out those at rest; if all rest, the one whose turn it is."""
        targets = self._targets
        for _ in targets:
            self._turn = (self._turn + 1) % len(targets)
            if targets[self._turn].resting_until <= mono:
                break
        return targets[self._turn]

    def _ask(self, exchange: Exchange, mono: float, target: Target, tries: int) -> None:
        """Have a connection made for `exchange`, or have it wait for one, if there is room for either."""
        if target.open < self._settings.connections:
            self._dial(exchange, target, tries)
        elif len(self._waiting) < self._settings.queue:
            until = mono + self._settings.connect_timeout
            self._waiting.append((exchange, until))
            self.deadline = min(self.deadline, until)
        else:
            self.metrics.queue_full.value += 1
            exchange.upstream_failed(_FULL, untouched=False)

    def _fill(self, target: Target) -> None:
        """Have connections made for those who wait, as far as there is room for more."""
        while self._waiting and target.open < self._settings.connections:
            exchange, _ = self._waiting.popleft()
            if not exchange.over:
                self._dial(exchange, target, 1)

    def _dial(self, exchange: Exchange, target: Target, tries: int) -> None:
        target.open += 1  # at once, for others may ask before the task runs
        dial = asyncio.ensure_future(self._connect(exchange, target, tries))
        self._dials.add(dial)
        dial.add_done_callback(self._dials.discard)

    async def _connect(self, exchange: Exchange, target: Target, tries: int) -> None:
        """Make a connection for `exchange`. A target that refuses it has seen nothing, so another may be asked."""
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                connection = await self._open(target)
        except TimeoutError:
            refusal = _SLOW
        except OSError:
            refusal = _REFUSED
        else:
            self._made(connection, exchange)
            return
        target.open -= 1
        self.metrics.connects_failed.value += 1
        self.target_failed(target)
        if not exchange.over:
            if tries > 1:
                mono = self._monotonic()
                self._ask(exchange, mono, self._choose(mono), tries - 1)
            else:
                exchange.upstream_failed(refusal, untouched=False)
        self._fill(target)

    async def _open(self, target: Target) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: UpstreamConnection(target), target.host, target.port)
        self._deadlines.watch(connection)
        self.metrics.connections.value += 1
        self.metrics.opened.value += 1
        return connection

    def _made(self, connection: UpstreamConnection, exchange: Exchange) -> None:
        mono = self._monotonic()
        if exchange.over:
            connection.used = True
            self.release(connection, mono)
            return
        try:
            connection.carry(exchange)
            exchange.assigned(connection, mono)
            connection.flush()
        except Exception as error:  # noqa: BLE001  # whatever it is, it ends with the two connections
            exchange.client.broken(error)
