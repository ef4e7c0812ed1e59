"""The metrics of one worker, each child resolved once, when the configuration is compiled (law 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ostiary.observe import families
from ostiary.observe.instruments import Counter, Gauge, Histogram
from ostiary.observe.snapshot import Distribution, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from ostiary.decision.reason import Reason
    from ostiary.observe.families import Family

    Collector = Callable[[], None]

_Instrument = TypeVar("_Instrument", Counter, Gauge)
_CLASSES = ("0xx", "1xx", "2xx", "3xx", "4xx", "5xx")

NO_ROUTE = "_none"
"""The route label of requests that matched none; no configured route can have this name."""


class RouteMetrics:
    """What became of a route's requests.

    Plain integers, so that ten thousand routes of which most are silent cost next to nothing: ``allowed[status // 100]
    += 1`` for an answer that was passed on (0 if the client left before there was one).
    """

    __slots__ = ("allowed", "refusals")

    def __init__(self) -> None:
        self.allowed = [0] * len(_CLASSES)
        self.refusals: dict[Reason, int] = {}

    def refused(self, reason: Reason) -> None:
        """Count a request that the gateway answered itself, be it by decision or because something failed."""
        self.refusals[reason] = self.refusals.get(reason, 0) + 1


class UpstreamMetrics:
    """Connections to an upstream and what came back. ``responses[status // 100] += 1``."""

    __slots__ = (
        "_metrics", "_name", "answers_cut", "circuit", "circuit_open", "circuit_opened", "connections",
        "connects_failed", "down", "held_up", "incomplete", "opened", "over_budget", "protocol_errors", "queue_full",
        "repeated", "resets", "responses", "timeouts", "uploads_cut", "waiting",
    )  # fmt: skip

    def __init__(self, metrics: Metrics, name: str) -> None:
        self._metrics = metrics
        self._name = name
        failures = families.UPSTREAM_FAILURES
        self.connections = metrics.gauge(families.UPSTREAM_CONNECTIONS, name)
        self.opened = metrics.counter(families.UPSTREAM_OPENED, name)
        self.connects_failed = metrics.counter(failures, name, "connect")
        self.timeouts = metrics.counter(failures, name, "timeout")
        self.protocol_errors = metrics.counter(failures, name, "protocol")
        self.resets = metrics.counter(failures, name, "reset")
        self.incomplete = metrics.counter(failures, name, "incomplete")
        self.queue_full = metrics.counter(failures, name, "queue")
        self.circuit_open = metrics.counter(failures, name, "circuit")
        self.down = metrics.counter(failures, name, "down")
        self.circuit = metrics.gauge(families.UPSTREAM_CIRCUIT, name)
        self.circuit_opened = metrics.counter(families.UPSTREAM_CIRCUIT_OPENED, name)
        self.waiting = metrics.gauge(families.UPSTREAM_WAITING, name)
        self.held_up = metrics.gauge(families.UPSTREAM_HELD_UP, name)
        self.answers_cut = metrics.counter(families.UPSTREAM_CUT, name)
        self.uploads_cut = metrics.counter(families.UPSTREAM_UPLOADS_CUT, name)
        self.repeated = metrics.counter(families.UPSTREAM_RETRIES, name, "repeated")
        self.over_budget = metrics.counter(families.UPSTREAM_RETRIES, name, "over_budget")
        self.responses = [0] * len(_CLASSES)

    def target(self, target: str) -> TargetMetrics:
        """Return the state of one of the upstream's targets."""
        return TargetMetrics(self._metrics, self._name, target)

    def on_snapshot(self, collector: Collector) -> None:
        """The same as `Metrics.on_snapshot`."""
        self._metrics.on_snapshot(collector)


class TargetMetrics:
    """Whether a target is used, and what its checks found."""

    __slots__ = ("failed", "passed", "up")

    def __init__(self, metrics: Metrics, upstream: str, target: str) -> None:
        self.up = metrics.gauge(families.UPSTREAM_TARGET_UP, upstream, target)
        self.passed = metrics.counter(families.UPSTREAM_CHECKS, upstream, target, "passed")
        self.failed = metrics.counter(families.UPSTREAM_CHECKS, upstream, target, "failed")


class LimitMetrics:
    """Answers of one limit in one tier."""

    __slots__ = ("allowed", "failed_closed", "failed_open", "limited")

    def __init__(self, metrics: Metrics, limit: str, tier: str) -> None:
        self.allowed = metrics.counter(families.LIMITER, limit, tier, "allowed")
        self.limited = metrics.counter(families.LIMITER, limit, tier, "limited")
        self.failed_open = metrics.counter(families.LIMITER, limit, tier, "failed_open")
        self.failed_closed = metrics.counter(families.LIMITER, limit, tier, "failed_closed")


class IssuerMetrics:
    """The state of an issuer's keys, to be set by a collector."""

    __slots__ = ("age", "failures", "keys", "stale")

    def __init__(self, metrics: Metrics, name: str) -> None:
        self.keys = metrics.gauge(families.ISSUER_KEYS, name)
        self.age = metrics.gauge(families.ISSUER_KEY_AGE, name)
        self.stale = metrics.gauge(families.ISSUER_STALE, name)
        self.failures = metrics.gauge(families.ISSUER_FAILURES, name)


class Metrics:
    """All metrics of one worker. Asking twice for the same child gives the same child."""

    def __init__(self) -> None:
        self._children: dict[Family, dict[tuple[str, ...], Counter | Gauge]] = {}
        self._histograms: dict[Family, Histogram] = {}
        self._routes: dict[str, RouteMetrics] = {}
        self._upstreams: dict[str, UpstreamMetrics] = {}
        self._collectors: list[Collector] = []

        self.no_route = self.route(NO_ROUTE)
        self.decision_seconds = self.histogram(families.DECISION_SECONDS)
        self.request_seconds = self.histogram(families.REQUEST_SECONDS)
        self.client_connections = self.gauge(families.CLIENT_CONNECTIONS)
        self.client_connections_opened = self.counter(families.CLIENT_CONNECTIONS_OPENED)
        self.client_connections_refused = self.counter(families.CLIENT_CONNECTIONS_REFUSED, "worker")
        self.client_connections_refused_address = self.counter(families.CLIENT_CONNECTIONS_REFUSED, "address")
        self.client_connections_refused_plain = self.counter(families.CLIENT_CONNECTIONS_REFUSED, "plain")
        self.requests_cut_total = self.counter(families.CLIENT_CUT, "total")
        self.requests_cut_body_rate = self.counter(families.CLIENT_CUT, "body_rate")
        self.requests_cut_answer_rate = self.counter(families.CLIENT_CUT, "answer_rate")
        self.requests_over = {
            bound: self.counter(families.CLIENT_CUT, bound)
            for bound in ("pipelined", "chunk_line", "trailer", "chunk_overhead")
        }
        self.client_connections_idle = self.counter(families.CLIENT_IDLE)
        self.token_cache_hits = self.counter(families.TOKEN_CACHE, "hit")
        self.token_cache_misses = self.counter(families.TOKEN_CACHE, "miss")
        self.loop_lag = self.gauge(families.LOOP_LAG)
        self.loop_lag_max = self.gauge(families.LOOP_LAG_MAX)

    def route(self, name: str) -> RouteMetrics:
        """Return the counters of the route called `name`."""
        return self._routes.setdefault(name, RouteMetrics())

    def upstream(self, name: str) -> UpstreamMetrics:
        """Return the counters of the upstream called `name`."""
        found = self._upstreams.get(name)
        if found is None:
            found = self._upstreams[name] = UpstreamMetrics(self, name)
        return found

    def limit(self, name: str, tier: str) -> LimitMetrics:
        """Return the counters of the limit called `name` in `tier`."""
        return LimitMetrics(self, name, tier)

    def issuer(self, name: str) -> IssuerMetrics:
        """Return the gauges of the issuer called `name`."""
        return IssuerMetrics(self, name)

    def bugs(self, where: str) -> Counter:
        """Return the counter of unknown exceptions at `where`: one of the code's own words."""
        return self.counter(families.BUGS, where)

    def counter(self, family: Family, *labels: str) -> Counter:
        """Return the counter of `family` with these label values."""
        return self._child(family, labels, Counter)

    def gauge(self, family: Family, *labels: str) -> Gauge:
        """Return the gauge of `family` with these label values."""
        return self._child(family, labels, Gauge)

    def histogram(self, family: Family) -> Histogram:
        """Return the histogram of `family`."""
        return self._histograms.setdefault(family, Histogram(family.bounds))

    def on_snapshot(self, collector: Collector) -> None:
        """Call `collector` before each snapshot, to bring values up to date that are cheaper kept elsewhere."""
        self._collectors.append(collector)

    def snapshot(self) -> Snapshot:
        """Return the values of this moment; routes that have seen nothing are left out."""
        for collector in self._collectors:
            collector()
        values = {
            family.name: {labels: child.value for labels, child in children.items()}
            for family, children in self._children.items()
        }
        values[families.REQUESTS.name] = requests = {}
        values[families.REFUSALS.name] = refusals = {}
        for name, route in self._routes.items():
            for code, count in zip(_CLASSES, route.allowed, strict=True):
                if count:
                    requests[name, "allowed", code] = count
            for reason, count in route.refusals.items():
                refusals[name, reason.code] = count
                ended = (name, "error" if reason.status >= 500 else "refused", _CLASSES[reason.status // 100])
                requests[ended] = requests.get(ended, 0) + count
        values[families.UPSTREAM_RESPONSES.name] = {
            (name, code): count
            for name, upstream in self._upstreams.items()
            for code, count in zip(_CLASSES, upstream.responses, strict=True)
            if count
        }
        distributions = {
            family.name: Distribution(list(histogram.counts), histogram.sum)
            for family, histogram in self._histograms.items()
        }
        return Snapshot(values, distributions)

    def _child(self, family: Family, labels: tuple[str, ...], kind: type[_Instrument]) -> _Instrument:
        if len(labels) != len(family.labels):
            raise ValueError(f"{family.name} has the labels {family.labels}")
        child = self._children.setdefault(family, {}).setdefault(labels, kind())
        if not isinstance(child, kind):
            raise TypeError(f"{family.name} is a {family.kind.value}")
        return child
