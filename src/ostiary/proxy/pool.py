"""The connections of one worker to one upstream: reused, bounded, and kept from targets that fail.

The ordinary request costs one look: `_only` is the one target of an upstream that is well. Everything else (several
targets, an open circuit, a target that is down) takes the longer way through `_pick`; and as long as something has
failed and nothing good has been heard since, the pool is `attentive`: it asks to be told of each exchange that is over.

A failure means less if others were answered meanwhile (see `Row`), so it matters, too, when that was before anything
had failed. The one target of an upstream pays nothing for that: its good answers are counted anyway, and the pool looks
every now and then whether there are more. Of several targets that would not tell which; so with several, the pool is
always attentive.
"""

from __future__ import annotations

import asyncio
from math import ceil, inf
from typing import TYPE_CHECKING, Final

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import UPSTREAM_ERROR, UPSTREAM_TIMEOUT, UPSTREAM_UNAVAILABLE
from ostiary.limit.limiter import network_of
from ostiary.proxy.balance import balance
from ostiary.proxy.breaker import CircuitBreaker, State
from ostiary.proxy.health_check import HealthCheck
from ostiary.proxy.held_up import HeldUp
from ostiary.proxy.retry_budget import RetryBudget
from ostiary.proxy.target import Target
from ostiary.proxy.uploads import Uploads
from ostiary.proxy.upstream import UpstreamConnection
from ostiary.proxy.waiting import WaitingLine

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from ostiary.config.model import Upstream
    from ostiary.observe.metrics import UpstreamMetrics
    from ostiary.proxy.deadlines import Deadlines
    from ostiary.proxy.exchange import Exchange

_REFUSED: Final = Refusal(UPSTREAM_ERROR)
_SLOW: Final = Refusal(UPSTREAM_TIMEOUT)
_FULL: Final = Refusal(UPSTREAM_UNAVAILABLE, retry_after=1)
_SERVER_ERROR: Final = 500
_SHOWN: Final = {State.CLOSED: 0.0, State.HALF_OPEN: 0.5, State.OPEN: 1.0}


class UpstreamPool:
    """Hands connections to exchanges, making new ones as far as it may. Times are monotonic seconds."""

    def __init__(
        self,
        upstream: Upstream,
        deadlines: Deadlines,
        metrics: UpstreamMetrics,
        monotonic: Callable[[], float],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.metrics = metrics
        self.tls = tls
        self.deadline = -inf
        """The pool itself is watched by `deadlines`, and looks around each time."""
        self.attentive = False
        """Whether `exchange_over` has to be called for every exchange."""
        self._settings = upstream
        self._deadlines = deadlines
        self._monotonic = monotonic
        mono = monotonic()
        self._targets = tuple(Target(url, upstream, self) for url in upstream.targets)
        self._several = len(self._targets) > 1
        self._by_name = {target.name: target for target in self._targets}
        self._choose = balance(upstream, self._targets)
        self._circuit = CircuitBreaker(upstream.circuit)
        self._budget = RetryBudget(upstream.retries, mono)
        self._probes: set[Exchange] = set()
        """Exchanges that the half-open circuit let through and has not heard of since."""
        self._failed: set[Exchange] = set()
        """Exchanges that failed and are not over yet."""
        self._calm = True
        """Whether all is well, so that a good answer changes nothing but the time of the last one."""
        self._heard = 0
        """How many good answers had been counted when that was last looked at."""
        self._only: Target | None = None
        self._waiting = WaitingLine(upstream.queue, upstream.queue_timeout, self._refuse_full)
        self.held_up = HeldUp(upstream, self._targets, self._waiting, metrics, monotonic, self._crowds_changed)
        deadlines.watch(self._waiting)
        deadlines.watch(self.held_up)
        self._uploads = Uploads(self.held_up, upstream.slow_clients.grace)
        deadlines.watch(self._uploads)
        if not self._several:
            deadlines.watch(self)
        self._dials: set[asyncio.Task[None]] = set()
        self._checks: list[HealthCheck] = []
        if upstream.health.check is not None:
            for target in self._targets:
                check = HealthCheck(target, upstream.health.check, self._settle, monotonic)
                self._checks.append(check)
                deadlines.watch(check)
        self._settle()
        metrics.on_snapshot(self._collect)

    # What an exchange asks.

    def serve(self, exchange: Exchange, mono: float) -> None:
        """Give `exchange` a connection: at once if one is idle, else when one is made or set free, else fail it."""
        target = self._only or self._pick(exchange, mono)
        if target is None:
            return
        idle = target.idle
        while idle:
            connection = idle.pop()
            if not connection.closed:
                connection.carry(exchange)
                exchange.assigned(connection, mono)
                return
        self._ask(exchange, mono, target, ())

    def serve_afresh(self, exchange: Exchange, target: Target) -> None:
        """Give `exchange` a connection that no other exchange has used, in place of one to `target` that is lost.

        Fails it instead if the budget of repetitions is spent.
        """
        mono = self._monotonic()
        if self._may_repeat(mono):
            another = self._another((target,), mono)
            roomy = another is not None and another.open < self._settings.connections
            self._dial(exchange, another if another is not None and roomy else target, ())
        else:
            exchange.upstream_failed(_REFUSED, untouched=False)

    def release(self, connection: UpstreamConnection, mono: float) -> None:
        """Take back a connection whose exchange ended well."""
        if self._waiting.lines:
            exchange = self._waiting.leave(spare=self._spare(connection.target, 1))
            if exchange is not None:
                self._hand(connection, exchange, mono)
                return
        connection.deadline = mono + self._settings.keep_alive
        connection.target.idle.append(connection)

    def exchange_over(self, exchange: Exchange, mono: float) -> None:
        """Draw conclusions from how `exchange` ended. To be called for failed ones, 5xx, and all while `attentive`."""
        target = self._by_name.get(exchange.target)
        failed = exchange in self._failed
        self._failed.discard(exchange)
        if failed or target is None or exchange.refusal is not None or not exchange.status:
            if failed and exchange.refusal is None and 0 < exchange.status < _SERVER_ERROR:
                self._heard += 1  # an answer that began well and broke off is counted among the good ones
            if exchange in self._probes:
                self._probes.discard(exchange)
                self._circuit.abandoned()
        elif exchange.status in self._settings.health.failing_statuses:
            self._count(target, exchange, mono)
            self._count_for_circuit(exchange, mono)
            self._probes.discard(exchange)
        elif self._calm:
            target.row.good_at = self._circuit.row.good_at = mono
            return
        else:
            target.recovered(mono)
            self._circuit.succeeded(mono, probe=exchange in self._probes)
            self._probes.discard(exchange)
            self._heard = self._good_answers()
        self._settle()

    def answering(self, exchange: Exchange, status: int) -> None:
        """Hear that an answer has begun: a probe need not wait for the end of a stream. For use while `attentive`."""
        if exchange in self._probes and status not in self._settings.health.failing_statuses:
            self._probes.discard(exchange)
            self._circuit.succeeded(self._monotonic(), probe=True)
            self._settle()

    def expired(self, mono: float) -> None:
        """Look whether there have been good answers since the last look. For pools of one target; see above."""
        heard = self._good_answers()
        if heard != self._heard:
            self._heard = heard
            self._targets[0].row.good_at = self._circuit.row.good_at = mono

    def close(self) -> None:
        """Close what is idle and stop making connections and checks."""
        self._deadlines.forget(self)
        for check in self._checks:
            self._deadlines.forget(check)
            check.close()
        for dial in self._dials:
            dial.cancel()
        for target in self._targets:
            for connection in target.idle:
                connection.abort()
            target.idle.clear()

    # What targets and their connections tell.

    def target_failed(self, target: Target, exchange: Exchange) -> None:
        """Count a failure of `target` to answer `exchange`; enough of them in a row send it to rest."""
        mono = self._monotonic()
        self._count(target, exchange, mono)
        self._count_for_circuit(exchange, mono)
        self._settle()

    def connection_lost(self, target: Target, connection: UpstreamConnection) -> None:
        """Forget a closed connection, and let somebody who waits have a new one in its place."""
        target.open -= 1
        self.metrics.connections.value -= 1
        self._deadlines.forget(connection)
        self._uploads.connections.discard(connection)
        self.held_up.lost(connection)
        if connection in target.idle:
            target.idle.remove(connection)
        self._fill(target)

    # Choosing.

    def _pick(self, exchange: Exchange, mono: float) -> Target | None:
        """Choose a target, or refuse `exchange`: the circuit is open, or nothing is up."""
        circuit = self._circuit
        if circuit.state is not State.CLOSED:
            if not circuit.admits(mono) and not (self._give_up_a_probe(exchange, mono) and circuit.admits(mono)):
                self.metrics.circuit_open.value += 1
                exchange.refuse(Refusal(UPSTREAM_UNAVAILABLE, retry_after=circuit.retry_after(mono)))
                return None
            self._probes.add(exchange)
        target = self._choose(mono)
        if target is not None and self._crowds(exchange) and not self._spare(target):
            self._wait(exchange, mono)
            return None
        if target is None:
            check = self._settings.health.check
            self.metrics.down.value += 1
            exchange.refuse(Refusal(UPSTREAM_UNAVAILABLE, retry_after=1 if check is None else ceil(check.interval)))
        elif target.row.failures >= self._settings.health.failures:
            target.rest(mono + self._settings.health.rest)  # this one request tries it; the others wait for how it ends
        return target

    def _give_up_a_probe(self, exchange: Exchange, mono: float) -> bool:
        """Let a probe whose request is not complete make room for `exchange`, if there is one; it goes on all the same.

        Its client decides when it tells anything. So at once if `exchange` is complete, else if it had its time.
        """
        before = mono - self._settings.slow_clients.grace
        for probe in self._probes:
            if not probe.complete and (exchange.complete or probe.decided_at < before):
                self._probes.discard(probe)
                self._circuit.abandoned()
                return True
        return False

    def _crowds(self, exchange: Exchange) -> bool:
        """Whether `exchange` is of a network that keeps connections busy for nothing, and is no probe."""
        crowding = self._waiting.last
        return bool(crowding) and exchange not in self._probes and network_of(exchange.request.client) in crowding

    def _spare(self, target: Target, more: int = 0) -> bool:
        """Whether those who crowd may have a connection of `target`, at which `more` are free than it knows."""
        return self._settings.connections - target.load + more > self.held_up.spared

    def _crowds_changed(self) -> None:
        self._settle()
        if self._waiting.lines:  # who no longer has to wait behind others may have what was left to them
            asyncio.get_running_loop().call_soon(self._use_what_is_free)

    def _use_what_is_free(self) -> None:
        mono = self._monotonic()
        for target in self._targets:
            while target.idle and (exchange := self._waiting.leave(spare=self._spare(target))) is not None:
                connection = target.idle.pop()
                if connection.closed:
                    self._dial(exchange, target, ())
                else:
                    self._hand(connection, exchange, mono)
            self._fill(target)

    def _another(self, tried: tuple[Target, ...], mono: float) -> Target | None:
        """Choose a target that has not been `tried`, one that is up if there is any."""
        left = [target for target in self._targets if target not in tried and not target.down]
        up = [target for target in left if target.out_until <= mono]
        return min(up or left, key=lambda target: target.load, default=None)

    def _count(self, target: Target, exchange: Exchange, mono: float) -> None:
        if not self._several:
            self.expired(mono)
        target.row.failed(exchange.decided_at)
        if target.row.failures >= self._settings.health.failures:
            target.rest(mono + self._settings.health.rest)

    def _count_for_circuit(self, exchange: Exchange, mono: float) -> None:
        """Count a request that failed for good: while another target may answer it, the upstream has not failed."""
        if not exchange.over:
            self._failed.add(exchange)
        if self._circuit.failed(exchange.decided_at, mono, probe=exchange in self._probes):
            self.metrics.circuit_opened.value += 1
            self._probes.clear()

    def _settle(self) -> None:
        """Find out whether the short way will do, and whether the ends of exchanges matter."""
        whole = self._circuit.state is State.CLOSED
        target = self._targets[0]
        short = whole and len(self._targets) == 1 and not target.down and not self._waiting.last
        self._only = target if short else None
        self._calm = (
            whole
            and not self._circuit.row.failures
            and not self._failed
            and not any(target.row.failures for target in self._targets)
        )
        self.attentive = self._several or not self._calm

    def _good_answers(self) -> int:
        """Count the answers below 500, whether or not the pool was told of each; of those above it always is."""
        return sum(self.metrics.responses[1 : _SERVER_ERROR // 100])

    def _may_repeat(self, mono: float) -> bool:
        may = self._budget.spend(sum(self.metrics.responses), mono)
        (self.metrics.repeated if may else self.metrics.over_budget).value += 1
        return may

    def _collect(self) -> None:
        mono = self._monotonic()
        for target in self._targets:
            target.metrics.up.value = int(target.out_until <= mono)
        self.metrics.waiting.value = self._waiting.count()
        self.metrics.held_up.value = len(self.held_up)
        self.metrics.circuit.value = _SHOWN[self._circuit.state]

    # Connecting.

    def _ask(self, exchange: Exchange, mono: float, target: Target, tried: tuple[Target, ...]) -> None:
        """Have a connection made for `exchange`, or have it wait for one, if there is room for either."""
        limit = self._settings.connections
        if target.open >= limit and target.load >= limit:  # then anyone else will do
            target = min(self._targets, key=lambda one: (one.out_until > mono, one.load))
        while target.idle:
            connection = target.idle.pop()
            if not connection.closed:
                self._hand(connection, exchange, mono)
                return
        if target.open < limit:
            self._dial(exchange, target, tried)
        else:
            self._wait(exchange, mono)

    def _wait(self, exchange: Exchange, mono: float) -> None:
        if self._waiting.join(exchange, mono):
            self.held_up.make_room(mono)
        else:
            self._refuse_full(exchange)

    def _refuse_full(self, exchange: Exchange) -> None:
        self.metrics.queue_full.value += 1
        exchange.upstream_failed(_FULL, untouched=False)

    def _fill(self, target: Target) -> None:
        """Have connections made for those who wait, as far as there is room at `target`, or at a better one."""
        limit = self._settings.connections
        mono = self._monotonic()
        while self._waiting:
            if target.open >= limit or target.out_until > mono:
                target = min(self._targets, key=lambda one: (one.out_until > mono, one.open))
                if target.open >= limit or target.down:
                    return
            exchange = self._waiting.leave(spare=self._spare(target))
            if exchange is None:
                return
            self._dial(exchange, target, ())

    def _dial(self, exchange: Exchange, target: Target, tried: tuple[Target, ...]) -> None:
        target.open += 1  # at once, for others may ask before the task runs
        dial = asyncio.ensure_future(self._connect(exchange, target, (*tried, target)))
        self._dials.add(dial)
        dial.add_done_callback(self._dials.discard)

    async def _connect(self, exchange: Exchange, target: Target, tried: tuple[Target, ...]) -> None:
        """Make a connection for `exchange`. A target that refuses it has seen nothing, so another may be asked."""
        refusal = _REFUSED
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                connection = await self._open(target)
        except TimeoutError:
            refusal = _SLOW
            target.open -= 1
        except OSError:
            target.open -= 1
        else:
            mono = self._monotonic()
            if connection.closed:  # it spoke before it was asked, or ended: `connection_lost` takes account of it
                pass
            elif exchange.over:
                connection.used = True
                self.release(connection, mono)
                return
            else:
                self._hand(connection, exchange, mono)
                return
        self.metrics.connects_failed.value += 1
        mono = self._monotonic()
        self._count(target, exchange, mono)
        another = self._another(tried, mono) if not exchange.over else None
        if another is not None and self._may_repeat(mono):
            self._ask(exchange, mono, another, tried)
        else:
            self._count_for_circuit(exchange, mono)
            exchange.upstream_failed(refusal, untouched=False)
        self._settle()
        self._fill(target)

    async def _open(self, target: Target) -> UpstreamConnection:
        connection = await target.open_connection(lambda: UpstreamConnection(target))
        if not connection.closed:
            self._deadlines.watch(connection)
            self._uploads.connections.add(connection)
        self.metrics.connections.value += 1
        self.metrics.opened.value += 1
        return connection

    def _hand(self, connection: UpstreamConnection, exchange: Exchange, mono: float) -> None:
        """Let `exchange`, which has waited, have a connection."""
        try:
            connection.carry(exchange)
            exchange.assigned(connection, mono)
            connection.flush()
        except Exception as error:  # noqa: BLE001  # whatever it is, it ends with the two connections
            exchange.client.broken(error)
