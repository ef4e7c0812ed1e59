"""What every store must do, whatever it is made of: a test class is this class with a `harness` fixture of its own."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import pytest

from tests.limit.test_bucket import Ideal

if TYPE_CHECKING:
    from ostiary.stores.protocol import LimitStore, Taken

SLOW: Final = 2.0**-10
"""Tokens a second: the seconds that a test takes are far below a quarter of a token, in which the stories count."""
QUARTER: Final = 256.0
"""Seconds in which a quarter of a token comes at that rate."""


class Harness(ABC):
    """A running store, and a way to let time pass for one of its buckets."""

    store: LimitStore

    now = 1e4

    async def take(self, key: str, rate: float, burst: int, cost: float = 1.0) -> Taken:
        return await self.store.take(key, rate, burst, cost, self.now)

    @abstractmethod
    async def pass_time(self, key: str, seconds: float) -> None:
        """Let the clock go on, or back, as far as this bucket can tell."""


class Conformance:
    """Run by each store's test."""

    async def test_a_new_bucket_is_full(self, harness: Harness) -> None:
        taken = await harness.take("new", 5.0, 10)
        assert taken.allowed
        assert taken.remaining == 9
        assert taken.retry_after == 0.0
        assert taken.reset == pytest.approx(0.2)

    async def test_it_grants_the_burst_and_then_the_rate(self, harness: Harness) -> None:
        granted = [(await harness.take("burst", SLOW, 3)).allowed for _ in range(5)]
        assert granted == [True, True, True, False, False]
        await harness.pass_time("burst", 2 * QUARTER)
        assert not (await harness.take("burst", SLOW, 3)).allowed
        await harness.pass_time("burst", 2 * QUARTER)
        assert (await harness.take("burst", SLOW, 3)).allowed
        assert not (await harness.take("burst", SLOW, 3)).allowed

    async def test_a_refusal_says_how_long(self, harness: Harness) -> None:
        await harness.take("wait", SLOW, 4, 4.0)
        refused = await harness.take("wait", SLOW, 4, 3.0)
        assert refused.remaining == 0
        assert refused.retry_after == pytest.approx(3 / SLOW, abs=10)
        assert refused.reset == pytest.approx(4 / SLOW, abs=10)
        await harness.pass_time("wait", refused.retry_after)
        assert (await harness.take("wait", SLOW, 4, 3.0)).allowed

    async def test_it_never_holds_more_than_the_burst(self, harness: Harness) -> None:
        await harness.take("full", SLOW, 2)
        await harness.pass_time("full", 1e7)
        assert (await harness.take("full", SLOW, 2)).remaining == 1

    async def test_keys_are_apart(self, harness: Harness) -> None:
        assert (await harness.take("a", SLOW, 1)).allowed
        assert (await harness.take("b", SLOW, 1)).allowed
        assert not (await harness.take("a", SLOW, 1)).allowed

    @pytest.mark.parametrize("cost", [0.0, -5.0, float("-inf")])
    async def test_a_cost_below_one_is_one(self, harness: Harness, cost: float) -> None:
        assert (await harness.take("cheap", SLOW, 5, cost)).remaining == 4
        assert (await harness.take("cheap", SLOW, 5, cost)).remaining == 3

    @pytest.mark.parametrize("cost", [1e9, float("inf"), float("nan")])
    async def test_a_cost_above_the_burst_is_the_burst(self, harness: Harness, cost: float) -> None:
        assert (await harness.take("dear", SLOW, 5, cost)).remaining == 0
        assert not (await harness.take("dear", SLOW, 5, 1.0)).allowed

    async def test_fractions_of_tokens_are_kept(self, harness: Harness) -> None:
        taken = [await harness.take("part", SLOW, 3, 1.25) for _ in range(3)]
        assert [one.allowed for one in taken] == [True, True, False]
        assert [one.remaining for one in taken] == [1, 0, 0]

    async def test_a_clock_set_back_refills_nothing_and_bars_nobody_for_long(self, harness: Harness) -> None:
        await harness.take("back", SLOW, 2, 2.0)
        await harness.pass_time("back", -1e6)
        refused = await harness.take("back", SLOW, 2)
        assert not refused.allowed
        assert refused.retry_after <= 1 / SLOW
        await harness.pass_time("back", 1 / SLOW)
        assert (await harness.take("back", SLOW, 2)).allowed
        assert not (await harness.take("back", SLOW, 2)).allowed

    async def test_it_tells_the_ideal_buckets_story(self, harness: Harness) -> None:
        ideal = Ideal(Fraction(SLOW), 7)
        for number in range(120):
            quarters, cost = number * 7919 % 9, 1 + number * 104729 % 3
            await harness.pass_time("story", quarters * QUARTER)
            ideal.advance(Fraction(quarters * QUARTER))
            taken = await harness.take("story", SLOW, 7, cost)
            assert taken.allowed is ideal.take(cost), number
            assert taken.remaining == int(ideal.tokens), number

    async def test_of_many_at_once_exactly_the_burst_is_granted(self, harness: Harness) -> None:
        taken = await asyncio.gather(*(harness.take("crowd", SLOW, 100) for _ in range(1000)))
        assert sum(one.allowed for one in taken) == 100
        assert sorted(one.remaining for one in taken if one.allowed) == list(range(100))

    async def test_asks_for_one_bucket_are_granted_in_their_order(self, harness: Harness) -> None:
        taken = await asyncio.gather(*(harness.take("queue", SLOW, 6, cost) for cost in (3, 2, 2, 1, 1)))
        assert [one.allowed for one in taken] == [True, True, False, True, False]
        assert [one.remaining for one in taken] == [3, 1, 1, 0, 0]

    async def test_extremes_are_exact_enough(self, harness: Harness) -> None:
        assert (await harness.take("vast", 1e9, 10**9)).remaining >= 10**9 - 1
        await harness.take("slow", 1e-8, 3)
        await harness.take("slow", 1e-8, 3, 2.0)
        refused = await harness.take("slow", 1e-8, 3)
        assert refused.retry_after == pytest.approx(1e8, rel=1e-5)

    async def test_it_is_healthy(self, harness: Harness) -> None:
        assert harness.store.healthy()
