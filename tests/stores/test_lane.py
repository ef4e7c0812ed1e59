from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ostiary.stores.lane import MAX_BATCH, MAX_WAITING, Lane
from ostiary.stores.protocol import ConnectionLost, StoreMisconfigured, StoreUnavailable, Unscripted
from ostiary.stores.script import SHA, TEXT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ostiary.stores.line import Command

PROBE = "probe"


class FakeLine:
    """A line whose server grants everything, unless told otherwise: `answers` are used up first."""

    def __init__(self) -> None:
        self.calls: list[Command] = []
        self.answers: list[BaseException | list[object] | Callable[[], Awaitable[object]]] = []
        self.closed = 0

    async def call(self, command: Command) -> object:
        self.calls.append(command)
        if not self.answers:
            return [1_000_000] * int(command[2])
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, list):
            return answer
        return await answer()

    async def close(self) -> None:
        self.closed += 1

    @property
    def keys(self) -> list[tuple[object, ...]]:
        """The keys of each call but the probes."""
        found = [command[3 : 3 + int(command[2])] for command in self.calls]
        return [keys for keys in found if keys != (PROBE,)]


async def hang() -> object:
    return await asyncio.get_running_loop().create_future()


class Started:
    """A lane over a fake line, for as long as the block lasts."""

    def __init__(self, timeout: float = 0.05) -> None:
        self.line = FakeLine()
        self.lane = Lane(self.line, PROBE, timeout, timeout)

    async def __aenter__(self) -> tuple[Lane, FakeLine]:
        await self.lane.start()
        return self.lane, self.line

    async def __aexit__(self, *_: object) -> None:
        await self.lane.close()


async def ask(lane: Lane, key: str) -> int:
    return await lane.ask(key, 1.0, 10, 1.0)


async def until_up(lane: Lane) -> None:
    async with asyncio.timeout(5):
        while not lane.up:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)


async def test_what_one_turn_asks_goes_in_one_call_in_order() -> None:
    async with Started() as (lane, line):
        line.answers = [[3, -1, 2]]
        assert list(await asyncio.gather(*(ask(lane, name) for name in "aba"))) == [3, -1, 2]
        assert line.calls[-1] == ("EVALSHA", SHA, 3, "a", "b", "a", *(1.0, 10, 1.0) * 3)


async def test_what_is_asked_meanwhile_goes_in_the_next_call() -> None:
    async with Started(5.0) as (lane, line):
        out, back = asyncio.Event(), asyncio.Event()

        async def slowly() -> object:
            out.set()
            await back.wait()
            return [1]

        line.answers = [slowly]
        first = asyncio.ensure_future(ask(lane, "first"))
        await out.wait()
        later = [asyncio.ensure_future(ask(lane, name)) for name in "bcd"]
        await asyncio.sleep(0)
        assert line.keys == [("first",)]
        back.set()
        await asyncio.gather(first, *later)
        assert line.keys == [("first",), ("b", "c", "d")]


async def test_calls_and_queue_are_bounded() -> None:
    async with Started(5.0) as (lane, line):
        line.answers = [hang]
        asks = [lane.ask("k", 1.0, 1, 1.0)]
        await asyncio.sleep(0.01)
        asks += [lane.ask("k", 1.0, 1, 1.0) for _ in range(MAX_BATCH * MAX_WAITING)]
        with pytest.raises(StoreUnavailable):
            await lane.ask("k", 1.0, 1, 1.0)
        assert {len(batch.keys) for batch in lane._waiting} == {MAX_BATCH}
        await lane.close()
        assert all(isinstance(one.exception(), StoreUnavailable) for one in asks)


async def test_an_unknown_script_is_sent_once() -> None:
    async with Started() as (lane, line):
        line.answers = [Unscripted(), [7]]
        assert await ask(lane, "a") == 7
        assert [call[:2] for call in line.calls[-2:]] == [("EVALSHA", SHA), ("EVAL", TEXT)]
        assert line.calls[-1][2:] == line.calls[-2][2:]


async def test_a_broken_connection_is_replaced_once() -> None:
    async with Started() as (lane, line):
        line.answers = [ConnectionLost(), [7]]
        assert await ask(lane, "a") == 7
        assert lane.up


@pytest.mark.parametrize(
    "failures",
    [
        [ConnectionLost(), ConnectionLost()],
        [StoreUnavailable("loading")],
        [StoreMisconfigured("password changed")],
        [[1], [1, 2, 3]],
        [Unscripted(), Unscripted()],
        [ZeroDivisionError()],
    ],
)
async def test_a_failure_fails_who_asked_and_heals(
    failures: list[BaseException | list[object]], caplog: pytest.LogCaptureFixture
) -> None:
    async with Started() as (lane, line):
        line.answers = [*failures]
        outcomes = await asyncio.gather(ask(lane, "a"), ask(lane, "b"), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 2
        assert "away" in caplog.text
        await until_up(lane)
        assert await ask(lane, "c") == 1_000_000


async def test_a_reply_that_makes_no_sense_costs_the_connection() -> None:
    async with Started() as (lane, line):
        line.answers = [[b"junk"], [5]]
        assert await ask(lane, "a") == 5
        assert line.closed == 1


async def test_a_deadline_counts_from_the_ask_even_behind_a_hanging_call() -> None:
    async with Started(0.1) as (lane, line):
        loop = asyncio.get_running_loop()
        line.answers = [hang, hang, hang]
        asked = loop.time()
        first = asyncio.ensure_future(ask(lane, "a"))
        await asyncio.sleep(0.05)
        second = asyncio.ensure_future(ask(lane, "b"))
        outcomes = await asyncio.gather(first, second, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 2
        assert loop.time() - asked < 0.2


async def test_down_it_fails_at_once_and_tries_with_longer_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr("ostiary.stores.lane.random.uniform", lambda _low, high: high)
    async with Started() as (lane, line):
        monkeypatch.setattr("ostiary.stores.lane.asyncio.sleep", note)
        line.answers = [ConnectionLost() for _ in range(18)]
        with pytest.raises(StoreUnavailable):
            await ask(lane, "a")
        with pytest.raises(StoreUnavailable):
            await ask(lane, "b")
        while not lane.up:
            await sleep(0)
        assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
        assert line.keys == [("a",), ("a",)]


async def test_a_cancelled_asker_takes_nobody_with_it() -> None:
    async with Started() as (lane, line):
        line.answers = [[1, 2, 3]]
        asks = [asyncio.ensure_future(ask(lane, name)) for name in "abc"]
        await asyncio.sleep(0)
        asks[1].cancel()
        outcomes = await asyncio.gather(*asks, return_exceptions=True)
        assert [outcomes[0], outcomes[2]] == [1, 3]
        assert isinstance(outcomes[1], asyncio.CancelledError)


async def test_idle_it_tries_the_server_and_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ostiary.stores.lane.PROBE_EVERY", 0.001)
    async with Started() as (lane, line):
        line.answers = [ConnectionLost(), ConnectionLost(), *(ConnectionLost() for _ in range(100))]
        async with asyncio.timeout(5):
            while lane.up:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.001)


async def test_a_server_away_at_the_start_leaves_it_down_and_healing() -> None:
    lane = Lane(line := FakeLine(), PROBE, 0.05, 0.05)
    line.answers = [ConnectionLost(), ConnectionLost()]
    await lane.start()
    assert not lane.up
    await until_up(lane)
    await lane.close()


@pytest.mark.parametrize(
    "answer, why",
    [
        (StoreUnavailable("the host name does not resolve"), "the host name does not resolve"),
        (hang, "it does not answer in time"),
        (ZeroDivisionError("secret"), "an unforeseen failure"),
    ],
)
async def test_where_the_server_is_and_why_it_is_away_is_told(
    answer: Exception | Callable[[], Awaitable[object]], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    lane = Lane(line := FakeLine(), PROBE, 0.02, 0.02, "valkey.internal:6379")
    await lane.start()
    line.answers = [answer]
    with pytest.raises(StoreUnavailable):
        await ask(lane, "a")
    await until_up(lane)
    await lane.close()
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    name = "the limits' store at valkey.internal:6379"
    assert told == [f"{name} is away: {why}", f"{name} is back"]


async def test_a_server_that_refuses_us_at_the_start_is_told() -> None:
    lane = Lane(line := FakeLine(), PROBE, 0.05, 0.05)
    line.answers = [StoreMisconfigured("no")]
    with pytest.raises(StoreMisconfigured):
        await lane.start()
    await lane.close()


async def test_closed_it_fails_whoever_waits() -> None:
    lane = Lane(line := FakeLine(), PROBE, 5.0, 5.0)
    await lane.start()
    line.answers = [hang]
    out = lane.ask("a", 1.0, 1, 1.0)
    await asyncio.sleep(0.01)
    queued = lane.ask("b", 1.0, 1, 1.0)
    await lane.close()
    for one in (out, queued):
        with pytest.raises(StoreUnavailable):
            await one
    with pytest.raises(StoreUnavailable):
        await ask(lane, "c")
