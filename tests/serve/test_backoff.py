from __future__ import annotations

from itertools import accumulate

import pytest

from ostiary.serve.backoff import Backoff


def test_waits_double_up_to_half_a_minute() -> None:
    backoff = Backoff()
    assert [backoff.after(0) for _ in range(11)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


def test_a_worker_that_lived_for_a_minute_has_a_fresh_start() -> None:
    backoff = Backoff()
    for _ in range(8):
        backoff.after(1.0)
    assert backoff.after(59.9) == 25.6
    assert backoff.after(60.0) == 0.1


@pytest.mark.parametrize("lived", [0.0, 0.5, 3.0, 29.0, 59.0])
def test_a_crash_loop_is_bounded_whatever_its_rhythm(lived: float) -> None:
    """Case FP7: no more than ten starts in any minute."""
    backoff = Backoff()
    starts = [0.0, *accumulate(lived + backoff.after(lived) for _ in range(50))]
    assert all(sum(start <= other < start + 60 for other in starts) <= 10 for start in starts)
