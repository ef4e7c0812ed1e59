"""The values of all metrics of one worker at one moment, and how those of several become one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ostiary.observe.families import ALL, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Values = dict[tuple[str, ...], float]
"""A metric's values by their labels' values, in the order in which its family names the labels."""


class Distribution(msgspec.Struct):
    """What a histogram counted: each bucket by itself, not cumulative, and the sum of all durations in seconds."""

    counts: list[int]
    sum: float


class Snapshot(msgspec.Struct):
    """Metrics by the name of their family. Only what has a value is in it."""

    values: dict[str, Values] = {}
    distributions: dict[str, Distribution] = {}


_COMBINE: dict[Kind, Callable[[float, float], float]] = {
    Kind.COUNTER: lambda one, other: one + other,
    Kind.SUM: lambda one, other: one + other,
    Kind.MAX: max,
    Kind.MIN: min,
}
_RULES = {family.name: _COMBINE[family.kind] for family in ALL if family.kind in _COMBINE}
_LASTING = {family.name for family in ALL if family.kind is Kind.COUNTER}


def merge(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Add up the snapshots of several workers, each metric by its family's rule. The arguments stay as they are."""
    merged = Snapshot()
    for snapshot in snapshots:
        for name, values in snapshot.values.items():
            combine = _RULES[name]
            into = merged.values.setdefault(name, {})
            for labels, value in values.items():
                into[labels] = combine(into[labels], value) if labels in into else value
        for name, distribution in snapshot.distributions.items():
            sofar = merged.distributions.get(name)
            if sofar is None:
                merged.distributions[name] = Distribution(list(distribution.counts), distribution.sum)
            else:
                sofar.counts = [one + other for one, other in zip(sofar.counts, distribution.counts, strict=True)]
                sofar.sum += distribution.sum
    return merged


def lasting(snapshot: Snapshot) -> Snapshot:
    """Return what stays of `snapshot` when its worker is dead: counters and histograms, so that neither ever falls."""
    return Snapshot(
        {name: values for name, values in snapshot.values.items() if name in _LASTING}, snapshot.distributions
    )
