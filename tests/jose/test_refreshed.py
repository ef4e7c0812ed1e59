from __future__ import annotations

import asyncio
from math import inf

import msgspec
import pytest

from ostiary.config.model import Keys
from ostiary.decision.outcome import Broken
from ostiary.decision.reason import IDENTITY_PROVIDER_UNAVAILABLE
from ostiary.jose.fetch import LoadError
from ostiary.jose.refreshed import RefreshedKeys
from ostiary.jose.source import KeyEvent, KeyStatus
from tests.support.issuers import issuer
from tests.support.moments import Moments
from tests.support.tokens import SigningKey, key, new_key

_ONE, _TWO, _THREE = key("ES256"), new_key("ES256", "two"), new_key("ES256", "three")


class Provider:
    """A loader that gives out `keys`, or fails if there are none; `gate` holds its answers back."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = keys
        self.extra: list[object] = []
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception = LoadError("it is down")

    async def load(self) -> bytes:
        self.calls += 1
        await self.gate.wait()
        if not self.keys:
            raise self.error
        return msgspec.json.encode({"keys": [*(one.jwk for one in self.keys), *self.extra]})


class World:
    """An issuer's keys with everything around them."""

    def __init__(self, *keys: SigningKey, chance: float = 0.0, **policy: object) -> None:
        self.time = Moments()
        self.provider = Provider(*keys)
        self.events: list[KeyEvent] = []
        one = issuer(keys=Keys.model_validate({"jwks_url": "https://issuer.example/jwks", **policy}))
        self.source = RefreshedKeys(
            "one",
            one,
            self.provider,
            self.events.append,
            clock=self.time,
            call_later=self.time.call_later,
            chance=lambda: chance,
        )

    async def started(self) -> World:
        await self.source.start()
        await self.settle()
        return self

    async def settle(self) -> None:
        """Let the fetch under way end."""
        if self.source._fetch is not None:
            await asyncio.wait({self.source._fetch})

    async def next_refresh(self) -> None:
        self.time.fire_next()
        await self.settle()

    async def find(self, kid: str | None = "ES256") -> list[str | None]:
        return [one.kid for one in await self.source.find(kid, "ES256", self.time.now)]

    def knows(self, kid: str = "ES256") -> bool:
        return bool(self.source.known(kid, "ES256", self.time.now))

    def status(self) -> KeyStatus:
        return self.source.status(self.time.now)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


async def test_keys_are_loaded_at_start_without_waiting_for_them() -> None:
    world = World(_ONE)
    world.provider.gate.clear()
    await world.source.start()
    assert not world.status().ready
    assert world.status().age == inf
    world.provider.gate.set()
    await world.settle()
    assert world.knows()
    assert world.status() == KeyStatus(ready=True, keys=1, age=0.0, stale=False, failures=0, last_error="")


@pytest.mark.parametrize("chance, seconds", [(0.0, 225.0), (0.999999, 202.5)])
async def test_a_set_is_refreshed_at_three_quarters_of_its_ttl_or_a_little_earlier(
    chance: float, seconds: float
) -> None:
    world = await World(_ONE, chance=chance).started()
    assert world.time.next_in == pytest.approx(seconds, rel=1e-3)
    await world.next_refresh()
    assert world.provider.calls == 2
    assert world.time.next_in == pytest.approx(seconds, rel=1e-3)
    assert world.status().age == 0


async def test_a_known_key_is_never_waited_for() -> None:
    world = await World(_ONE).started()
    world.provider.gate.clear()
    world.time.fire_next()
    assert world.knows()


async def test_a_refresh_keeps_the_keys_that_stay_and_withdraws_the_ones_that_go() -> None:
    world = await World(_ONE, _TWO).started()
    stays, goes = world.source._keys.keys
    first = stays.usable_until
    assert first == world.time.now + 3900
    world.provider.keys = (_THREE, _ONE)
    await world.next_refresh()
    assert world.source.known("ES256", "ES256", world.time.now) == (stays,)
    assert stays.usable_until == first + 225
    assert goes.usable_until == -inf
    assert not world.knows("two")
    assert world.knows("three")
    assert world.events[-1].detail == "1 new, 1 withdrawn"


async def test_a_key_that_comes_back_is_a_key_again() -> None:
    world = await World(_ONE, _TWO).started()
    for keys in ((_ONE,), (_ONE, _TWO)):
        world.provider.keys = keys
        await world.next_refresh()
        assert world.knows("two") is (_TWO in keys)


async def test_the_age_of_a_set_counts_from_when_it_was_asked_for() -> None:
    world = World(_ONE)
    world.provider.gate.clear()
    await world.source.start()
    await asyncio.sleep(0)
    world.time.now += 4
    world.provider.gate.set()
    await world.settle()
    assert world.status().age == 4


async def test_an_unchanged_set_is_not_told_again() -> None:
    world = World(_ONE)
    world.provider.extra = [{"kty": "oct", "k": "c2VjcmV0"}]
    await world.started()
    await world.next_refresh()
    await world.next_refresh()
    assert world.kinds() == ["keys_changed", "keys_ignored", "private_key"]
    assert [event.detail for event in world.events[1:]] == ["entry 1: secret key material is published"] * 2


async def test_a_failed_refresh_keeps_the_keys_until_the_stale_limit_and_then_nothing_is_accepted() -> None:
    world = await World(_ONE).started()
    only = world.source._keys.keys[0]
    loaded = world.time.now
    world.provider.keys = ()
    while world.time.now + world.time.next_in < loaded + 3900:
        await world.next_refresh()
        assert world.knows()
        assert world.status().ready
        assert world.status().stale is (world.time.now - loaded > 300)
    world.time.now = loaded + 3899.9
    assert world.knows()
    world.time.now = loaded + 3900
    assert not world.knows()
    assert not world.time.now < only.usable_until
    assert not world.status().ready
    assert not world.status().stale  # nothing serves any more
    with pytest.raises(Broken) as caught:
        await world.find()
    assert caught.value.refusal.reason == IDENTITY_PROVIDER_UNAVAILABLE
    assert world.status().keys == 0
    assert world.kinds().count("refresh_failed") == world.status().failures > 50
    await world.next_refresh()
    # each state is told of once, when the first refresh fails in it: the log is not to be filled by an outage
    declines = [kind for kind in world.kinds() if kind in {"stale", "unavailable"}]
    assert declines == ["stale", "unavailable"]
    world.provider.keys = (_ONE,)
    await world.next_refresh()
    assert world.knows()
    assert world.source._keys.keys == (only,)
    assert world.kinds()[-1] == "refresh_recovered"


async def test_a_provider_that_is_down_is_asked_less_and_less_often() -> None:
    world = await World().started()
    waits = []
    for _ in range(9):
        waits.append(world.time.next_in)
        await world.next_refresh()
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


async def test_a_cold_start_with_the_provider_down_is_its_failure_and_heals() -> None:
    world = await World().started()
    for _ in range(3):
        with pytest.raises(Broken) as caught:
            await world.find()
        assert caught.value.refusal.reason.status == 503
        assert caught.value.refusal.retry_after == max(1, world.time.next_in)
        await world.next_refresh()
    assert world.provider.calls == 4
    assert world.status().last_error == "it is down"
    world.provider.keys = (_ONE,)
    await world.next_refresh()
    assert await world.find() == ["ES256"]
    assert world.status().last_error == ""


async def test_the_first_requests_wait_for_the_first_fetch() -> None:
    world = World(_ONE)
    world.provider.gate.clear()
    await world.source.start()
    waiting = [asyncio.create_task(world.find()) for _ in range(5)]
    await asyncio.sleep(0)
    world.provider.gate.set()
    assert await asyncio.gather(*waiting) == [["ES256"]] * 5
    assert world.provider.calls == 1


async def test_an_unknown_key_is_asked_for_once_by_all_that_want_it() -> None:
    world = await World(_ONE).started()
    world.provider.keys = (_ONE, _TWO)
    world.provider.gate.clear()
    waiting = [asyncio.create_task(world.find("two")) for _ in range(100)]
    await asyncio.sleep(0)
    assert world.knows()
    world.provider.gate.set()
    assert await asyncio.gather(*waiting) == [["two"]] * 100
    assert world.provider.calls == 2
    assert world.time.next_in == 225


async def test_unknown_keys_cost_one_call_per_cooldown_whatever_their_number() -> None:
    world = await World(_ONE).started()
    for number in range(1000):
        assert await world.find(f"made up {number}") == []
    assert world.provider.calls == 2
    world.time.now += 29.9
    assert await world.find("made up") == []
    assert world.provider.calls == 2
    world.time.now += 0.1
    assert await world.find("made up") == []
    assert world.provider.calls == 3


async def test_a_key_made_while_a_refresh_was_under_way_is_still_found() -> None:
    world = await World(_ONE).started()
    world.provider.gate.clear()
    world.time.fire_next()
    waiting = asyncio.create_task(world.find("two"))
    await asyncio.sleep(0)
    world.provider.gate.set()
    world.provider.keys = (_ONE, _TWO)
    assert await waiting == ["two"]


async def test_an_unknown_key_is_unknown_while_the_provider_fails() -> None:
    """Not 503: a kid is anybody's to make up, and 5xx for it would let anybody make the gateway look ill."""
    world = await World(_ONE).started()
    world.provider.keys = ()
    assert await world.find("two") == []
    assert world.provider.calls == 2
    assert world.time.next_in == 1  # the failure brought the next attempt forward
    world.time.now += 0.5
    assert await world.find("two") == []
    assert world.provider.calls == 2
    world.provider.keys = (_ONE, _TWO)
    await world.next_refresh()
    assert await world.find("two") == ["two"]


async def test_a_waiter_that_leaves_does_not_end_the_fetch_of_the_others() -> None:
    world = await World(_ONE).started()
    world.provider.keys = (_ONE, _TWO)
    world.provider.gate.clear()
    leaves, stays = (asyncio.create_task(world.find("two")) for _ in range(2))
    await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.wait({leaves})
    world.provider.gate.set()
    assert await stays == ["two"]
    assert leaves.cancelled()


async def test_a_fetch_has_a_deadline() -> None:
    world = World(_ONE, timeout="10ms")
    world.provider.gate.clear()
    await world.started()
    assert world.status().last_error == "no complete answer within 0.01 s"


async def test_a_set_without_usable_keys_is_a_failure() -> None:
    world = await World(_ONE).started()
    world.provider.keys = (key("RS256"),)
    await world.next_refresh()
    assert world.knows()
    assert world.status().last_error == (
        "the key set holds no usable key: entry 0: for none of the configured algorithms"
    )


async def test_a_set_in_a_file_that_is_none_is_named() -> None:
    """A file may change after the start, and of several issuers' files only one is bad."""
    world = World(_ONE, jwks_url=None, file="/etc/ostiary/jwks.json")
    world.provider.keys = (key("RS256"),)
    await world.started()
    assert world.status().last_error.endswith("for none of the configured algorithms: /etc/ostiary/jwks.json")


async def test_a_bug_in_loading_is_a_failure_and_not_the_end() -> None:
    world = World()
    world.provider.error = RuntimeError("secret")
    await world.started()
    assert world.status().last_error == "unexpected RuntimeError"
    assert world.time.next_in == 1


async def test_a_provider_that_flaps_is_called_a_few_times_a_minute() -> None:
    """FJ13: every other call fails, and unknown keys are asked for all the time."""
    world = await World(_ONE).started()
    begun = world.time.now
    while world.time.now < begun + 3600:
        world.provider.keys = () if world.provider.calls % 2 else (_ONE,)
        await world.find("made up")
        world.provider.keys = () if world.provider.calls % 2 else (_ONE,)
        if world.time.next_in <= 0:
            await world.next_refresh()
        world.time.now += 1
    assert world.status().ready
    assert world.provider.calls / 60 < 5


async def test_closing_ends_what_is_under_way() -> None:
    world = World(_ONE)
    world.provider.gate.clear()
    await world.source.start()
    await asyncio.sleep(0)
    await world.source.close()
    assert world.source._fetch is None
    assert world.events == []
    idle = await World(_ONE).started()
    await idle.source.close()
    with pytest.raises(IndexError):
        _ = idle.time.next_in


async def test_the_loops_own_clock_serves_when_none_is_given() -> None:
    provider = Provider(_ONE)
    source = RefreshedKeys("one", issuer(), provider, lambda _: None)
    await source.start()
    assert len(await source.find("ES256", "ES256", 0.0)) == 1
    await source.close()


async def test_a_second_outage_is_told_of_again() -> None:
    world = await World().started()
    assert world.kinds() == ["refresh_failed", "unavailable"]
    assert not world.status().stale  # what never was cannot be old
    world.provider.keys = (_ONE,)
    await world.next_refresh()
    world.provider.keys = ()
    while world.kinds()[-1] != "stale":
        await world.next_refresh()
    assert 300 <= world.status().age <= 360  # as it happens, but for the wait between two tries
    assert world.kinds().count("unavailable") == 1
