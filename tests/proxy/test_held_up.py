"""Whose answers are cut, and how many. What comes of that on the wire is in tests/cases/test_slow_readers.py."""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.config.model import Upstream
from ostiary.observe.metrics import Metrics
from ostiary.proxy.held_up import HeldUp
from ostiary.proxy.waiting import WaitingLine
from tests.support.moments import Moments

if TYPE_CHECKING:
    from ostiary.proxy.exchange import Exchange
    from ostiary.proxy.target import Target
    from ostiary.proxy.upstream import UpstreamConnection


class Aim:
    """A target."""

    def __init__(self) -> None:
        self.out_until = 0.0
        self.down = False


class Line:
    """A connection that is held up."""

    def __init__(self, caller: str, target: Aim) -> None:
        self.caller = caller
        self.target = target
        self.was_cut = False

    def cut(self) -> None:
        assert not self.was_cut
        self.was_cut = True


class Asked:
    """What an exchange shows of its request."""

    def __init__(self, client: str) -> None:
        self.client = client


class Waiter:
    """An exchange that waits."""

    def __init__(self, client: str) -> None:
        self.request = Asked(client)
        self.over = False


class World:
    """The held-up answers of an upstream with as many targets, and those who wait for a connection to one."""

    def __init__(self, connections: int = 16, targets: int = 1, **slow_clients: object) -> None:
        urls = [f"http://target-{number}:80" for number in range(targets)]
        upstream = Upstream.model_validate({"targets": urls, "connections": connections, "slow_clients": slow_clients})
        self.clock = Moments(100.0)
        self.targets = [Aim() for _ in range(targets)]
        self.waiting = WaitingLine(1000, 1000.0, lambda _: None)
        self.metrics = Metrics().upstream("api")
        self.held_up = HeldUp(
            upstream, cast("list[Target]", self.targets), self.waiting, self.metrics, self.clock, lambda: None
        )

    def hold(self, *callers: str, target: int = 0) -> list[Line]:
        """Have an answer to each of them held up, each a moment after the one before."""
        lines = []
        for caller in callers:
            self.clock.now += 0.001
            line = Line(caller, self.targets[target])
            lines.append(line)
            self.held_up.begin(cast("UpstreamConnection", line))
        return lines

    def wait(self, *callers: str) -> list[Waiter]:
        waiters = [Waiter(caller) for caller in callers]
        for waiter in waiters:
            self.waiting.join(cast("Exchange", waiter), self.clock.now)
        return waiters

    def look(self, later: float = 0.0) -> None:
        self.clock.now += later
        self.held_up.make_room(self.clock.now)

    def end(self, line: Line) -> None:
        self.held_up.end(cast("UpstreamConnection", line))

    def lost(self, line: Line) -> None:
        self.held_up.lost(cast("UpstreamConnection", line))


def cut(lines: list[Line]) -> list[int]:
    return [number for number, line in enumerate(lines) if line.was_cut]


def hosts(count: int, first: int = 1) -> list[str]:
    return [f"192.0.2.{number}" for number in range(first, first + count)]


def test_nobody_is_cut_while_nobody_waits() -> None:
    world = World()
    lines = world.hold(*["192.0.2.1"] * 16)
    world.look(1000.0)
    assert (cut(lines), len(world.held_up), world.held_up.deadline) == ([], 16, inf)


def test_it_looks_again_for_as_long_as_anyone_waits() -> None:
    world = World()
    (waiter,) = world.wait("192.0.2.9")
    world.look()
    assert world.held_up.deadline == world.clock.now
    waiter.over = True
    world.look()
    assert world.held_up.deadline == inf


def test_the_longest_held_up_are_cut_after_their_grace() -> None:
    world = World(grace="2s")
    lines = world.hold(*hosts(16))
    world.wait(*["192.0.2.99"] * 3)
    world.look(1.9)
    assert cut(lines) == []
    world.look(0.086)
    assert cut(lines) == [], "two are late, and eight may stay"
    world.look(1.0)
    assert cut(lines) == [0, 1, 2]
    assert (world.metrics.answers_cut.value, len(world.held_up)) == (3, 13)


def test_what_is_cut_already_counts_until_it_is_closed() -> None:
    world = World()
    lines = world.hold(*hosts(16))
    world.wait("192.0.2.99")
    world.look(2.0)
    world.look()
    assert cut(lines) == [0]
    world.lost(lines[0])
    world.look()
    assert cut(lines) == [0, 1]


@pytest.mark.parametrize("share,kept", [(0, 0), (0.3, 4), (0.5, 8), (1, 16)])
def test_no_more_are_cut_than_lie_beyond_the_share(share: float, kept: int) -> None:
    world = World(share=share)
    lines = world.hold(*hosts(16))
    world.wait(*["192.0.2.99"] * 50)
    world.look(2.0)
    assert 16 - len(cut(lines)) == kept


def test_each_target_adds_to_the_share() -> None:
    world = World(targets=2)
    lines = [*world.hold(*hosts(16)), *world.hold(*hosts(8, first=100), target=1)]
    world.wait(*["192.0.2.99"] * 50)
    world.look(2.0)
    assert cut(lines) == list(range(8))


def test_a_target_that_rests_is_of_no_use_while_another_is_up() -> None:
    world = World(targets=2)
    lines = [*world.hold(*hosts(16)), *world.hold(*hosts(16, first=100), target=1)]
    world.targets[0].out_until = inf
    world.wait(*["192.0.2.99"] * 50)
    world.look(2.0)
    assert cut(lines) == list(range(16, 24))


def test_where_all_rest_only_those_that_are_down_are_of_no_use() -> None:
    world = World(targets=2)
    lines = [*world.hold(*hosts(16)), *world.hold(*hosts(16, first=100), target=1)]
    world.targets[0].out_until = world.targets[1].out_until = inf
    world.targets[0].down = True
    world.wait(*["192.0.2.99"] * 50)
    world.look(2.0)
    assert cut(lines) == list(range(16, 24))


def test_who_holds_up_most_loses_first() -> None:
    world = World()
    lines = world.hold("192.0.2.1", *["192.0.2.2"] * 2, *["192.0.2.3"] * 2, *hosts(11, first=10))
    world.wait("192.0.2.99")
    world.look(2.0)
    assert cut(lines) == [1]
    world.wait(*["192.0.2.99"] * 2)
    world.look()
    assert cut(lines) == [0, 1, 3], "then they are equal"


def test_a_crowd_is_cut_at_once_for_others() -> None:
    world = World(connections=32)
    lines = world.hold(*["192.0.2.1"] * 5)
    world.wait("192.0.2.1", "192.0.2.99")
    world.look()
    assert cut(lines) == [0]
    world.lost(lines[0])
    world.look()
    assert cut(lines) == [0], "four are no crowd"


def test_a_crowd_is_not_cut_for_itself() -> None:
    world = World(connections=32)
    lines = world.hold(*["192.0.2.1"] * 20, *["2001:db8::1", "2001:db8::2", "2001:db8::3"] * 2)
    world.wait("192.0.2.1", "2001:db8::4")
    world.look()
    assert cut(lines) == []


def test_late_ones_come_before_a_crowd() -> None:
    world = World()
    late = world.hold(*hosts(10, first=10))
    world.clock.now += 2.0
    crowd = world.hold(*["192.0.2.1"] * 6)
    world.wait(*hosts(5, first=100))
    world.look()
    assert (cut(late), cut(crowd)) == ([0, 1], [0, 1, 2])


def test_a_network_crowds_for_as_long_as_it_holds_up_more_than_its_part() -> None:
    world = World(connections=32)
    lines = world.hold(*["192.0.2.1"] * 4)
    assert world.waiting.last == set()
    lines += world.hold("192.0.2.1")
    assert world.waiting.last == {"192.0.2.1"}
    world.end(lines[2])
    assert world.waiting.last == set()


@pytest.mark.parametrize("connections", [1, 2, 7])
def test_one_answer_is_no_crowd_however_few_there_may_be(connections: int) -> None:
    world = World(connections)
    lines = world.hold("192.0.2.1")
    world.wait("192.0.2.2")
    world.look()
    assert cut(lines) == []
    world.look(1.0)
    assert cut(lines) == ([0] if connections == 1 else [])


def test_who_goes_on_begins_anew() -> None:
    world = World()
    lines = world.hold(*hosts(16))
    world.clock.now += 2.0
    world.end(lines[0])
    world.held_up.begin(cast("UpstreamConnection", lines[0]))
    world.wait("192.0.2.99")
    world.look()
    assert cut(lines) == [1]
    world.end(lines[1])  # as its end comes to be known
    world.lost(lines[1])
    assert len(world.held_up) == 15


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1), st.booleans()), max_size=40),
    st.lists(st.integers(0, 4), max_size=20),
    st.sampled_from([0.0, 0.25, 1.0]),
)
def test_laws(held: list[tuple[int, int, bool]], waiting: list[int], share: float) -> None:
    """Never more than wait, never below what may be kept, and what is told of networks is what is held up."""
    world = World(connections=20, targets=2, share=share)
    lines = []
    for network, target, late in held:
        lines += world.hold(f"192.0.2.{network}", target=target)
        world.clock.now += late * 0.3
    world.wait(*(f"192.0.2.{network}" for network in waiting))
    before = Counter(line.caller for line in lines)
    world.look()
    gone = Counter(line.caller for line in lines if line.was_cut)
    assert gone.total() <= len(waiting)
    part = max(int(20 * 2 * share / 4), 1)
    assert world.waiting.last == {network for network, count in before.items() if count - gone[network] > part}
    assert len(world.held_up) == len(lines) - gone.total()
    assert len(world.held_up) >= min(len(lines), part)
    for line in lines:
        world.end(line)
        world.lost(line)
    assert (len(world.held_up), world.waiting.last, world.held_up._counts) == (0, set(), {})
