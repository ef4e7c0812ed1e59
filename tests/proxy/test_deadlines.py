"""Many deadlines on one timer."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, cast

import pytest

from ostiary.proxy.deadlines import PERIOD, Deadlines
from tests.support.moments import Moments, unexpected

if TYPE_CHECKING:
    import asyncio


class Fake:
    """Something that notes when it expired, and ends `others` with it."""

    def __init__(self, deadline: float, *others: Fake) -> None:
        self.deadline = deadline
        self.expired_at: list[float] = []
        self.others = others

    def expired(self, mono: float) -> None:
        self.expired_at.append(mono)
        self.deadline = inf
        for other in self.others:
            other.deadline = inf


@pytest.fixture
def clock() -> Moments:
    return Moments(100.0)


@pytest.fixture
def deadlines(clock: Moments) -> Deadlines:
    return Deadlines(cast("asyncio.AbstractEventLoop", clock), clock, unexpected)


def test_those_that_have_passed_are_told_once(deadlines: Deadlines) -> None:
    past, now, never = Fake(99.0), Fake(100.0), Fake(inf)
    for one in (past, now, never):
        deadlines.watch(one)
    deadlines.sweep(100.0)
    deadlines.sweep(101.0)
    assert (past.expired_at, now.expired_at, never.expired_at) == ([100.0], [101.0], [])


def test_the_forgotten_are_told_nothing(deadlines: Deadlines) -> None:
    one = Fake(99.0)
    deadlines.watch(one)
    deadlines.forget(one)
    deadlines.forget(one)
    deadlines.sweep(100.0)
    assert one.expired_at == []


def test_what_another_has_ended_is_told_nothing(deadlines: Deadlines) -> None:
    first, second = Fake(99.0), Fake(99.0)
    first.others, second.others = (second,), (first,)
    deadlines.watch(first)
    deadlines.watch(second)
    deadlines.sweep(100.0)
    assert len(first.expired_at + second.expired_at) == 1


def test_it_looks_every_period_and_knows_how_late_it_is(clock: Moments) -> None:
    late = 0.0
    deadlines = Deadlines(cast("asyncio.AbstractEventLoop", clock), lambda: clock() + late, unexpected)
    one = Fake(100.1)
    deadlines.watch(one)
    deadlines.start()
    clock.fire_next()
    assert one.expired_at == [100.0 + PERIOD]
    assert deadlines.lag == 0.0
    late = 1.0
    clock.fire_next()
    assert deadlines.lag == 1.0
    deadlines.stop()
    with pytest.raises(IndexError):
        clock.fire_next()


def test_one_that_fails_costs_the_others_nothing(clock: Moments) -> None:
    class Failing(Fake):
        def expired(self, mono: float) -> None:
            super().expired(mono)
            self.deadline = mono - 1.0
            raise ValueError

    bugs: list[BaseException] = []
    deadlines = Deadlines(cast("asyncio.AbstractEventLoop", clock), clock, bugs.append)
    failing, others = Failing(99.0), [Fake(99.0) for _ in range(5)]
    for one in (failing, *others):
        deadlines.watch(one)
    deadlines.sweep(100.0)
    deadlines.sweep(101.0)
    assert [one.expired_at for one in (failing, *others)] == [[100.0]] * 6
    assert [type(bug) for bug in bugs] == [ValueError]
