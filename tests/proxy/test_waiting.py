from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, cast

from ostiary.proxy.waiting import WaitingLine

if TYPE_CHECKING:
    from ostiary.proxy.exchange import Exchange


class One:
    over = False


def line(most: int = 3) -> tuple[WaitingLine, list[Exchange]]:
    given_up: list[Exchange] = []
    return WaitingLine(most, 2.0, given_up.append), given_up


def several(count: int) -> list[Exchange]:
    return [cast("Exchange", One()) for _ in range(count)]


def test_first_come_first_served() -> None:
    waiting, _ = line()
    ones = several(3)
    assert all(waiting.join(one, 0.0) for one in ones)
    assert [waiting.leave() for _ in range(4)] == [*ones, None]


def test_no_more_than_there_is_room_for() -> None:
    waiting, _ = line(2)
    assert [waiting.join(one, 0.0) for one in several(3)] == [True, True, False]
    assert [line(0)[0].join(one, 0.0) for one in several(1)] == [False]


def test_those_who_left_take_no_room_and_are_passed_over() -> None:
    waiting, given_up = line(2)
    gone, other, late = several(3)
    waiting.join(gone, 0.0)
    waiting.join(other, 0.0)
    gone.over = True
    assert waiting.count() == 1
    assert waiting.join(late, 1.0)
    assert [waiting.leave(), waiting.leave(), waiting.leave()] == [other, late, None]
    assert given_up == []


def test_nobody_waits_for_longer_than_allowed() -> None:
    waiting, given_up = line()
    first, second = several(2)
    waiting.join(first, 0.0)
    waiting.join(second, 1.0)
    assert waiting.deadline == 2.0
    waiting.expired(2.5)
    assert (given_up, waiting.deadline, len(waiting)) == ([first], 3.0, 1)
    waiting.expired(3.5)
    assert (given_up, waiting.deadline, len(waiting)) == ([first, second], inf, 0)
