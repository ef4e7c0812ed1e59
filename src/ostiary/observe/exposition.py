"""Render a snapshot for Prometheus. Only the supervisor imports this: a worker never pays for the library."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ostiary.observe.families import ALL, Family, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ostiary.observe.snapshot import Distribution, Snapshot, Values


def render(snapshot: Snapshot, accept: str) -> tuple[bytes, str]:
    """Return the exposition of `snapshot` and its content type: OpenMetrics if `accept` asks for it, else text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(snapshot))
    encoder, content_type = choose_encoder(accept)
    return encoder(registry), content_type


class _Once(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        for family in ALL:
            if family.kind is Kind.HISTOGRAM:
                distribution = self._snapshot.distributions.get(family.name)
                if distribution is not None:
                    yield _histogram(family, distribution)
            else:
                yield _plain(family, self._snapshot.values.get(family.name, {}))

    def describe(self) -> Iterable[Metric]:
        return ()


def _plain(family: Family, values: Values) -> Metric:
    kind = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=family.labels)
    for labels, value in sorted(values.items()):
        metric.add_metric(labels, value)
    return metric


def _histogram(family: Family, distribution: Distribution) -> Metric:
    bounds = [*map(str, family.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(distribution.counts), strict=True))
    metric = HistogramMetricFamily(family.name, family.help)
    metric.add_metric((), buckets, distribution.sum)
    return metric
