from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, cast

from hypothesis import given
from hypothesis import strategies as st

from ostiary.proxy.waiting import WaitingLine

if TYPE_CHECKING:
    from ostiary.proxy.exchange import Exchange


class Request:
    def __init__(self, client: str) -> None:
        self.client = client


class One:
    def __init__(self, client: str) -> None:
        self.over = False
        self.request = Request(client)


def line(most: int = 3) -> tuple[WaitingLine, list[Exchange]]:
    given_up: list[Exchange] = []
    return WaitingLine(most, 2.0, given_up.append), given_up


def several(count: int, client: str = "192.0.2.1") -> list[Exchange]:
    return [cast("Exchange", One(client)) for _ in range(count)]


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


def test_networks_take_turns() -> None:
    waiting, _ = line(100)
    many, few, same = several(4), several(2, "192.0.2.2"), several(1, "::ffff:192.0.2.2")
    for one in (*many, *few, *same):
        waiting.join(one, 0.0)
    assert [waiting.leave() for _ in range(8)] == [
        many[0], few[0], many[1], few[1], many[2], same[0], many[3], None,
    ]  # fmt: skip


def test_the_addresses_of_one_ipv6_network_have_one_line() -> None:
    waiting, _ = line(100)
    first, second, other = (several(1, address)[0] for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"))
    for one in (first, second, other):
        waiting.join(one, 0.0)
    assert [waiting.leave() for _ in range(3)] == [first, other, second]


def test_who_left_has_had_no_turn() -> None:
    waiting, _ = line(100)
    many, (other,) = several(3), several(1, "192.0.2.2")
    for one in (*many, other):
        waiting.join(one, 0.0)
    cast("One", many[0]).over = True
    assert [waiting.leave() for _ in range(3)] == [many[1], other, many[2]]


def test_some_come_last() -> None:
    waiting, _ = line(100)
    crowd, others = several(3), several(2, "192.0.2.2")
    for one in (*crowd, *others):
        waiting.join(one, 0.0)
    waiting.last.add("192.0.2.1")
    assert (waiting.count(), waiting.count(waiting.last)) == (5, 2)
    assert [waiting.leave(spare=False) for _ in range(3)] == [*others, None]
    assert [waiting.leave() for _ in range(4)] == [*crowd, None]


def test_the_longest_line_makes_room_for_newcomers() -> None:
    waiting, given_up = line(4)
    many, (other, another, last) = several(5), several(3, "192.0.2.2")
    assert [waiting.join(one, 0.0) for one in many] == [True] * 4 + [False]
    assert [waiting.join(one, 0.0) for one in (other, another, last)] == [True, True, False]
    assert given_up == [many[3], many[2]]
    assert len(waiting) == 4
    assert [waiting.leave() for _ in range(5)] == [many[0], other, many[1], another, None]


def test_who_is_given_up_may_ask_again_at_once() -> None:
    """As a client does that has sent its next request already."""
    again = several(9)
    waiting = WaitingLine(2, 2.0, lambda _: joined.append(waiting.join(again.pop(), 5.0)))
    joined: list[bool] = []
    for one in (*several(2), *several(1, "192.0.2.2")):
        assert waiting.join(one, 0.0)
    assert (joined, len(waiting)) == ([False], 2)
    waiting.expired(3.0)
    assert (joined, len(waiting), waiting.deadline) == ([False, True, True], 2, 7.0)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("join"), st.integers(0, 4)),
            st.tuples(st.sampled_from(["leave", "over"]), st.integers(0, 9)),
        )
    )
)
def test_laws(steps: list[tuple[str, int]]) -> None:
    """Nobody is lost, nobody is served twice, and there are never more than may be."""
    waiting, given_up = line(6)
    inside: list[Exchange] = []
    for mono, (step, number) in enumerate(steps):
        if step == "join":
            (one,) = several(1, f"192.0.2.{number}")
            if waiting.join(one, mono / 100):
                inside.append(one)
        elif step == "leave":
            left = waiting.leave()
            if left is None:
                assert all(one.over for one in inside if one not in given_up)
            else:
                inside.remove(left)
        elif number < len(inside):
            inside[number].over = True
        inside = [one for one in inside if one not in given_up]
        assert waiting.count() == sum(not one.over for one in inside)
        assert waiting.count() <= len(waiting) <= 6
        assert all(waiting.lines.values())
        assert sum(map(len, waiting.lines.values())) == len(waiting)
