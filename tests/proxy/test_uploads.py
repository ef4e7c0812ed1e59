"""Which requests are held up by their clients. What comes of it on the wire is in tests/cases/test_slow_uploads.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ostiary.proxy.uploads import LEAST, Uploads

if TYPE_CHECKING:
    from ostiary.proxy.exchange import Exchange
    from ostiary.proxy.held_up import HeldUp
    from ostiary.proxy.upstream import UpstreamConnection


class Body:
    """What an exchange shows of its body."""

    received = 0


class Line:
    """A connection that waits for a request, or for none."""

    def __init__(self) -> None:
        self.awaits: Exchange | None = cast("Exchange", Body())


class World:
    """One connection, looked at as often as a test says; `held` has it since when it is held up."""

    def __init__(self) -> None:
        self.held: dict[object, float] = {}
        self.line = Line()
        self.now = 100.0
        self.uploads = Uploads(cast("HeldUp", self), 1.0)
        self.uploads.connections.add(cast("UpstreamConnection", self.line))

    def __contains__(self, one: object) -> bool:
        return one in self.held

    def begin_upload(self, one: object, since: float) -> None:
        assert one not in self.held
        self.held[one] = since

    def end(self, one: object) -> None:
        self.held.pop(one, None)

    def look(self, later: float, brought: int = 0) -> list[float]:
        self.now += later
        if self.line.awaits is not None:
            self.line.awaits.received += brought
        self.uploads.expired(self.now)
        return list(self.held.values())


def test_a_request_that_is_not_sent_on_is_held_up_after_the_grace() -> None:
    world = World()
    assert [world.look(0.25) for _ in range(6)] == [[], [], [], [], [100.25], [100.25]]


def test_who_brings_enough_is_not_slow() -> None:
    world = World()
    assert [world.look(0.9, LEAST) for _ in range(5)] == [[]] * 5
    assert [len(world.look(0.9, LEAST // 4)) for _ in range(3)] == [0, 1, 1]
    assert world.look(0.25, LEAST) == [], "and may make up for it"


def test_while_nobody_waits_for_the_client_nothing_is_measured() -> None:
    world = World()
    world.look(1.0)
    exchange, world.line.awaits = world.line.awaits, None
    assert world.look(5.0) == []
    world.line.awaits = exchange
    assert [len(world.look(seconds)) for seconds in (0.25, 0.9, 0.2)] == [0, 0, 1]


def test_another_request_on_the_same_connection_begins_anew() -> None:
    world = World()
    world.look(0.25)
    world.line.awaits = cast("Exchange", Body())
    assert [world.look(1.0), world.look(0.9)] == [[], []]
