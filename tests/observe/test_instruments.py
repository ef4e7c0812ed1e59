from __future__ import annotations

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from ostiary.observe.instruments import Counter, Gauge, Histogram

BOUNDS = (0.001, 0.01, 0.1)


def test_counters_and_gauges_start_at_nothing() -> None:
    assert (Counter().value, Gauge().value) == (0, 0)


def test_a_bound_belongs_to_the_bucket_below_it() -> None:
    histogram = Histogram(BOUNDS)
    for seconds in (0.0, 0.001, 0.0011, 0.1, 7.0):
        histogram.observe(seconds)
    assert histogram.counts == [2, 1, 1, 1]
    assert histogram.sum == 0.0 + 0.001 + 0.0011 + 0.1 + 7.0


@given(st.lists(st.floats(min_value=0, max_value=100)))
def test_every_duration_is_in_exactly_one_bucket(durations: list[float]) -> None:
    histogram = Histogram(BOUNDS)
    for seconds in durations:
        histogram.observe(seconds)
    assert histogram.counts == [
        sum(bisect_left(BOUNDS, seconds) == bucket for seconds in durations) for bucket in range(len(BOUNDS) + 1)
    ]
