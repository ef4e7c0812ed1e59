from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.stores.memory import MemoryStore
from tests.stores.conformance import Conformance, Harness


class MemoryHarness(Harness):
    def __init__(self) -> None:
        self.store = MemoryStore()

    async def pass_time(self, key: str, seconds: float) -> None:  # noqa: ARG002  # the harness's signature
        self.now += seconds


class TestMemory(Conformance):
    @pytest.fixture
    def harness(self) -> Harness:
        return MemoryHarness()


async def test_it_forgets_full_buckets_as_new_ones_come() -> None:
    store = MemoryStore(10_000)
    for number in range(5000):
        await store.take(f"once {number}", 1.0, 1, 1.0, number / 10)
        assert len(store._buckets) <= 1030


async def test_a_flood_does_not_wash_away_a_drained_bucket() -> None:
    store = MemoryStore(100)
    await store.take("drained", 0.001, 10, 10.0, 0.0)
    for number in range(2000):
        await store.take(f"flood {number}", 0.001, 10, 1.0, 0.0)
    assert len(store._buckets) == 100
    assert not (await store.take("drained", 0.001, 10, 1.0, 0.0)).allowed


@given(
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 40), st.floats(0, 3), st.integers(1, 3)), max_size=150),
)
async def test_however_it_is_used_it_stays_bounded_and_whole(most: int, story: list[tuple[int, float, int]]) -> None:
    store, now = MemoryStore(most), 0.0
    for caller, step, cost in story:
        now += step
        await store.take(str(caller), 1.0, 3, cost, now)
        assert len(store._buckets) == len(store._ring) <= most
        assert set(store._ring) == store._buckets.keys()
        assert str(caller) in store._buckets


async def test_closed_it_remembers_nothing() -> None:
    store = MemoryStore()
    await store.start()
    await store.take("k", 0.001, 1, 1.0, 0.0)
    await store.close()
    assert (await store.take("k", 0.001, 1, 1.0, 0.0)).allowed
