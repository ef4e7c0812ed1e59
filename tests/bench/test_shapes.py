"""What is made of the figures of the shapes."""

from __future__ import annotations

from datetime import UTC, datetime

from bench.shapes import Attacked, Churned, Held, Shapes, markdown

MACHINE = {"processor": "p", "processors": "2", "system": "Linux", "kernel": "6", "python": "3.11"}


def test_ratios_are_of_stretches_that_follow_one_another() -> None:
    found = Attacked(quiet=[1.0, 10.0, 1.0], again=[1.0, 5.0, 2.0], attacked=[1.5, 11.0, 8.0])
    assert found.ratios == [1.5, 2.2, 4.0]
    assert found.noise == [1.0, 0.5, 2.0]


def test_the_page_tells_what_was_measured_and_nothing_of_what_was_not() -> None:
    run = Shapes(datetime(2026, 11, 28, tzinfo=UTC), MACHINE, "abc", 0.1)
    run.idle = Held(10_000, 1234.5, 62.2)
    run.loris = Attacked([1.0], [2.0], [5.0])
    run.readers = Attacked([1.0], [2.0], [1.0])
    run.churn = Churned([30, 31], [50_000_000, 51_000_000])
    page = markdown(run)
    assert "28 November 2026, 00:00 UTC, commit abc" in page
    assert "| 10,000 keep-alive connections | 1,234 | 62 |" in page
    assert "WebSockets" not in page
    assert "| slow-loris | 2.00 (2.00) | 5.00 (5.00) | 2.50 (2.50) | 2.00 (2.00) | ≤ 2 | MISSED |" in page
    assert (
        "| slow-read, from two addresses | 2.00 (2.00) | 1.00 (1.00) | 0.50 (0.50) | 2.00 (2.00) | ≤ 2 | bar held |"
        in page
    )
    assert "| 0 | 30 | 50.0 |\n| 10,000 | 31 | 51.0 |" in page
