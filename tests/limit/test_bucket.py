from __future__ import annotations

from fractions import Fraction
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.limit.bucket import Bucket, charge, take

RATES = st.floats(1e-6, 1e6)
BURSTS = st.integers(1, 10**9)
STEPS = st.floats(-7200.0, 7200.0)
ANY_COST = st.floats(allow_nan=True, allow_infinity=True)


class Ideal:
    """The bucket as a textbook has it: exact numbers, filled at every step, on a clock that never goes back."""

    def __init__(self, rate: Fraction, burst: int) -> None:
        self.rate, self.burst, self.tokens = rate, burst, Fraction(burst)

    def advance(self, seconds: Fraction) -> None:
        self.tokens = min(Fraction(self.burst), self.tokens + seconds * self.rate)

    def take(self, cost: int) -> bool:
        if self.tokens < cost:
            return False
        self.tokens -= cost
        return True


@given(
    rate=st.integers(-10, 10).map(lambda power: 2.0**power),
    burst=st.integers(1, 20),
    story=st.lists(st.tuples(st.integers(0, 4096), st.integers(1, 5)), max_size=60),
)
def test_it_is_the_ideal_bucket(rate: float, burst: int, story: list[tuple[int, int]]) -> None:
    """In numbers that a double holds exactly (steps of 1/64 s), every answer is the ideal's."""
    ideal = Ideal(Fraction(rate), burst)
    bucket, now = None, 1000.0
    for ticks, cost in story:
        ideal.advance(Fraction(ticks, 64))
        now += ticks / 64
        asked = min(cost, burst)
        expected = ideal.take(asked)
        bucket, taken = take(bucket, rate, burst, cost, now)
        assert taken.allowed is expected
        assert taken.remaining == int(ideal.tokens)
        assert taken.reset == (burst - ideal.tokens) / Fraction(rate)
        assert taken.retry_after == (0 if expected else (asked - ideal.tokens) / Fraction(rate))


@given(rate=RATES, burst=BURSTS, story=st.lists(st.tuples(STEPS, ANY_COST), max_size=25))
def test_no_window_grants_more_than_the_rate_and_the_burst(
    rate: float, burst: int, story: list[tuple[float, float]]
) -> None:
    """Whatever is asked and however the clock jumps, counting only the time that it went forward."""
    bucket, now = None, 1e5
    forward, granted = [0.0], [0.0]
    for step, cost in story:
        now += step
        bucket, taken = take(bucket, rate, burst, cost, now)
        forward.append(max(step, 0.0))
        granted.append(charge(cost, burst) if taken.allowed else 0.0)
    passed, spent = list(accumulate(forward)), list(accumulate(granted))
    for end in range(1, len(spent)):
        for start in range(end):
            # The window opens with the take after `start`, so the refill before that take is not its own.
            bound = burst + rate * (passed[end] - passed[start + 1])
            assert spent[end] - spent[start] <= bound * (1 + 1e-9) + 1e-6


@given(rate=RATES, burst=BURSTS, steps=st.lists(STEPS, min_size=1, max_size=25))
def test_a_clock_that_goes_back_neither_refills_nor_bars(rate: float, burst: int, steps: list[float]) -> None:
    """The wait that is announced is never longer than a full refill, and is kept if the clock goes on from there."""
    bucket, now, last = None, 1e5, float(burst)
    for step in steps:
        now += step
        bucket, taken = take(bucket, rate, burst, 1.0, now)
        assert 0.0 <= taken.reset <= burst / rate
        assert taken.retry_after <= 1.0 / rate
        if step <= 0.0:
            assert bucket.tokens <= last
        last = bucket.tokens
    wait = max(1.0 - last, 0.0) / rate
    _, taken = take(bucket, rate, burst, 1.0, now + wait * (1 + 1e-9) + 1e-6)
    assert taken.allowed


@given(rate=RATES, burst=BURSTS, costs=st.lists(ANY_COST, max_size=20), later=st.floats(0.0, 1e6))
def test_a_bucket_may_be_forgotten_once_it_is_full(rate: float, burst: int, costs: list[float], later: float) -> None:
    bucket = None
    for cost in costs:
        bucket, _ = take(bucket, rate, burst, cost, 50.0)
    moment = (bucket.full_at if bucket else 50.0) + later + 1e-6
    _, remembered = take(bucket, rate, burst, 1.0, moment)
    _, forgotten = take(None, rate, burst, 1.0, moment)
    assert remembered.allowed
    assert forgotten.allowed
    assert forgotten.remaining - remembered.remaining <= 1  # of rounding, at most
    assert remembered.reset == pytest.approx(forgotten.reset, rel=1e-6, abs=1e-6)


@given(rate=RATES, burst=st.integers(1, 300))
def test_a_burst_is_exact_at_any_rate(rate: float, burst: int) -> None:
    bucket, allowed = None, 0
    for _ in range(burst + 3):
        bucket, taken = take(bucket, rate, burst, 1.0, 7.0)
        allowed += taken.allowed
    assert allowed == burst


@given(cost=ANY_COST, burst=BURSTS)
def test_every_cost_is_clamped(cost: float, burst: int) -> None:
    assert 1.0 <= charge(cost, burst) <= burst


def test_a_cost_that_cannot_be_is_never_a_gift() -> None:
    assert [charge(cost, 10) for cost in (0.0, -5.0, float("-inf"))] == [1.0, 1.0, 1.0]
    assert [charge(cost, 10) for cost in (1e9, float("inf"), float("nan"))] == [10.0, 10.0, 10.0]
    assert charge(2.5, 10) == 2.5


def test_a_refusal_changes_nothing_that_can_be_seen() -> None:
    bucket = Bucket(tokens=0.25, stamp=10.0, full_at=19.75)
    refused, taken = take(bucket, 1.0, 10, 1.0, 10.5)
    assert not taken.allowed
    assert take(refused, 1.0, 10, 1.0, 10.75) == take(bucket, 1.0, 10, 1.0, 10.75)


def test_a_burst_smaller_than_before_is_kept_at_once() -> None:
    _, taken = take(Bucket(tokens=90.0, stamp=0.0, full_at=10.0), 1.0, 10, 1.0, 0.0)
    assert taken.remaining == 9


def test_waits_shrink_as_time_passes() -> None:
    bucket = None
    waits = []
    for now in (0.0, 0.0, 0.25, 0.5, 0.75):
        bucket, taken = take(bucket, 1.0, 1, 1.0, now)
        waits.append(taken.retry_after)
    assert waits == [0.0, 1.0, 0.75, 0.5, 0.25]
    assert all(later <= sooner for sooner, later in pairwise(waits[1:]))
