"""Failures in a row."""

from __future__ import annotations

from ostiary.proxy.row import Row


def lengths(row: Row, *made_at: float) -> list[int]:
    found = []
    for since in made_at:
        row.failed(since)
        found.append(row.failures)
    return found


def test_with_nothing_good_every_failure_counts() -> None:
    assert lengths(Row(), 3.0, 1.0, 2.0) == [1, 2, 3]


def test_a_good_answer_ends_a_row() -> None:
    row = Row()
    assert lengths(row, 1.0, 2.0) == [1, 2]
    row.good(3.0)
    assert row.failures == 0


def test_what_was_asked_for_before_it_begins_a_row_and_lengthens_none() -> None:
    row = Row()
    row.good(10.0)
    assert lengths(row, 5.0, 5.0, 9.9, 10.0, 5.0, 11.0) == [1, 1, 1, 2, 2, 3]
