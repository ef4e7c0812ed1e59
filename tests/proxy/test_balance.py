from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, cast

import pytest

from tests.support.upstreams import pool, several

if TYPE_CHECKING:
    from pathlib import Path

    from ostiary.proxy.target import Target
    from ostiary.proxy.upstream import UpstreamConnection

WAYS = ["round-robin", "least-loaded"]


def idle(target: Target, count: int) -> None:
    target.idle = cast("list[UpstreamConnection]", [None] * count)


def named(target: Target | None) -> str:
    assert target is not None
    return target.name[-4]


async def test_round_robin_takes_each_in_turn_whatever_its_load() -> None:
    api = pool(3, balance="round-robin")
    api._targets[1].open = 9
    assert "".join(named(api._choose(0.0)) for _ in range(7)) == "0120120"


async def test_least_loaded_takes_the_one_with_the_fewest_requests() -> None:
    api = pool(3)
    for target, (opened, resting) in zip(api._targets, [(5, 1), (9, 7), (3, 0)], strict=True):
        target.open = opened
        idle(target, resting)
    assert [named(api._choose(0.0)) for _ in range(3)] == ["1"] * 3


async def test_least_loaded_takes_equals_in_turn() -> None:
    api = pool(3)
    assert "".join(named(api._choose(0.0)) for _ in range(7)) == "0120120"
    for target in api._targets:
        target.open = 4
    assert Counter(named(api._choose(0.0)) for _ in range(300)) == {"0": 100, "1": 100, "2": 100}


@pytest.mark.parametrize("way", WAYS)
async def test_a_target_that_rests_is_left_out_while_another_is_up(way: str) -> None:
    api = pool(3, balance=way)
    api._targets[1].rest(10.0)
    api._targets[2].open = 100
    assert "1" not in {named(api._choose(9.9)) for _ in range(9)}
    assert "1" in {named(api._choose(10.0)) for _ in range(9)}


@pytest.mark.parametrize("way", WAYS)
async def test_if_all_rest_one_is_asked_all_the_same(way: str) -> None:
    api = pool(2, balance=way)
    for target in api._targets:
        target.rest(10.0)
    assert {named(api._choose(5.0)) for _ in range(4)} == {"0", "1"}


@pytest.mark.parametrize("way", WAYS)
async def test_a_target_that_is_down_is_never_asked(way: str) -> None:
    api = pool(2, balance=way)
    api._targets[0].judged(up=False)
    api._targets[1].rest(10.0)
    assert {named(api._choose(5.0)) for _ in range(4)} == {"1"}
    api._targets[1].judged(up=False)
    assert api._choose(1e9) is None


@pytest.mark.parametrize("way", WAYS)
async def test_requests_are_spread_over_real_targets(way: str, tmp_path: Path) -> None:
    async with several(tmp_path, 3, balance=way) as api:
        assert await api.statuses(30) == [200] * 30
        assert api.counts == [10, 10, 10]
