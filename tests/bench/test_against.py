from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bench import against
from bench.against import NEW, OLD, Comparison, markdown, verdict
from bench.cases import AGAIN, Ground
from bench.measure import Figures, Pace
from bench.peers import Ostiary, Unavailable

if TYPE_CHECKING:
    from pathlib import Path


def figures(*cpu_us: float) -> Figures:
    return Figures("x 1.0", list(cpu_us), [1000.0] * len(cpu_us))


def page(*old: float, problem: str = "") -> str:
    machine = {"processor": "p", "processors": "2", "system": "Linux", "kernel": "6", "python": "3.11"}
    run = Comparison(datetime(2026, 11, 23, tzinfo=UTC), machine, "v0.1", "abc-dirty", Pace(3, 0.1, 1.0))
    run.cases["log"] = {NEW: figures(22, 33), AGAIN: figures(22, 33), OLD: figures(*old)}
    run.cases["log"][OLD].problem = problem
    return markdown(run)


def test_what_costs_a_twentieth_more_is_worse() -> None:
    assert "| Access log on, to a file | 25.0 | 27.5 | 1.100 | 1.10-1.10 | 1.000 | 1.00-1.00 | WORSE |" in page(20, 30)
    assert "| 1.031 | 1.02-1.05 | 1.000 | 1.00-1.00 | no worse |" in page(22, 31.07)


def test_what_differs_no_more_than_two_of_a_kind_do_is_no_verdict() -> None:
    assert verdict([1.2, 1.3, 1.4], [1.0, 1.01, 0.99]) == "WORSE"
    assert verdict([1.2, 1.3, 1.4], [1.1, 1.5, 0.9]) == "unclear: it may be noise"
    assert verdict([1.2, 1.3, 1.4], [0.7, 1.0, 0.7]) == "unclear: it may be noise"
    assert verdict([1.0, 1.04, 1.4], [1.0, 1.0, 1.0]) == "no worse"
    assert verdict([1.2], [1.0]) == "WORSE"


def test_an_old_one_that_cannot_do_it_is_told() -> None:
    assert f"| {OLD}: unknown key |" in page(problem="unknown key")


def test_all_sides_are_asked_the_same(tmp_path: Path) -> None:
    (case,) = against.cases(["up-1k"])
    own = case.arms(Ground(1, ""))[0]
    arms = against.sides(own, tmp_path)
    assert [arm.name for arm in arms] == [NEW, AGAIN, OLD]
    assert all(arm.work is own.work and arm.requests is own.requests for arm in arms)


def test_the_main_cases_are_all_there() -> None:
    assert {case.name for case in against.cases(None)} == set(against.MAIN)


def test_another_source_is_proved_to_be_used(tmp_path: Path) -> None:
    package = tmp_path / "src" / "ostiary"
    arms = against.sides(against.cases(["log"])[0].arms(Ground(1, ""))[0], package.parent)
    with pytest.raises(Unavailable, match="no package in"):
        arms[2].peer.prepare(arms[2].work, 1, tmp_path)
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    launch = arms[2].peer.prepare(arms[2].work, 1, tmp_path)
    assert launch.environ == {"PYTHONPATH": str(package.parent)}
    assert Ostiary().prepare(arms[2].work, 1, tmp_path).environ == {}
