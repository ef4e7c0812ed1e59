"""What is made of the figures of the shapes."""

from __future__ import annotations

from bench.shapes import Attacked


def test_the_ratio_is_of_stretches_that_follow_one_another() -> None:
    found = Attacked(quiet=[1.0, 10.0, 2.0], attacked=[1.5, 11.0, 8.0])
    assert found.ratio == 1.5
