from __future__ import annotations

import asyncio
import struct
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from pydantic import SecretBytes
from redis.asyncio import Redis

from ostiary.config.model import Store
from ostiary.stores.protocol import StoreMisconfigured, StoreUnavailable
from ostiary.stores.valkey import PARTITIONS, ValkeyStore
from tests.stores.cluster import cluster
from tests.stores.conformance import SLOW, Conformance, Harness

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.valkey import ValkeyServer


def settings(url: str, command_timeout: float = 5.0, prefix: str | None = None) -> Store:
    """A store with keys of its own; a busy machine must not make a test of anything else time out."""
    return Store(url=SecretBytes(url.encode()), command_timeout=command_timeout, prefix=prefix or f"test-{uuid4().hex}")


@asynccontextmanager
async def started(chosen: Store) -> AsyncIterator[ValkeyStore]:
    store = ValkeyStore(chosen)
    try:
        await store.start()
        yield store
    finally:
        await store.close()


class ValkeyHarness(Harness):
    """Lets time pass by moving the stamp that the bucket carries: the server's clock cannot be set."""

    def __init__(self, store: ValkeyStore, client: Redis, prefix: str) -> None:
        self.store, self.client, self.prefix = store, client, prefix

    async def pass_time(self, key: str, seconds: float) -> None:
        name = f"{self.prefix}:{key}"
        value = await self.client.get(name)
        if isinstance(value, bytes):
            tokens, stamp = struct.unpack(">dd", value)
            await self.client.set(name, struct.pack(">dd", tokens, stamp - seconds * 1e6), keepttl=True)


@pytest.fixture
async def client(valkey_server: ValkeyServer) -> AsyncIterator[Redis]:
    client = Redis(unix_socket_path=str(valkey_server.socket))
    yield client
    await client.aclose()


@pytest.fixture
async def harness(valkey_server: ValkeyServer, client: Redis) -> AsyncIterator[ValkeyHarness]:
    chosen = settings(valkey_server.unix_url)
    async with started(chosen) as store:
        yield ValkeyHarness(store, client, chosen.prefix)


class TestValkey(Conformance):
    """On a Unix socket; the tests below are about what only a shared store can get wrong."""

    async def test_of_two_processes_at_once_the_burst_and_the_refill_are_granted(
        self, valkey_server: ValkeyServer, client: Redis
    ) -> None:
        key = f"race {uuid4().hex}"
        command = (sys.executable, "-m", "tests.stores.taker", valkey_server.url, key, "500")
        pipe = asyncio.subprocess.PIPE
        takers = [await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe) for _ in range(2)]
        for taker in takers:
            assert taker.stdout is not None
            assert await taker.stdout.readline() == b"ready\n"
        before = await client.time()
        counts = [out for out, _ in await asyncio.gather(*(taker.communicate(b"go\n") for taker in takers))]
        after = await client.time()
        elapsed = (after[0] - before[0]) + (after[1] - before[1]) / 1e6
        assert 100 <= sum(map(int, counts)) <= 100 + 10.0 * elapsed

    async def test_a_bucket_expires_once_it_is_full_and_not_before(self, harness: ValkeyHarness) -> None:
        await harness.take("life", 0.01, 10, 3.0)
        life = await harness.client.pttl(f"{harness.prefix}:life")
        assert 299_000 <= life <= 300_002
        await harness.take("life", 0.01, 10, 7.0)
        assert 999_000 <= await harness.client.pttl(f"{harness.prefix}:life") <= 1_000_002

    @pytest.mark.parametrize(
        "junk",
        [
            b"",
            b"100",
            b"x" * 15,
            struct.pack(">dd", float("nan"), 0.0),
            struct.pack(">dd", 1.0, float("nan")),
            struct.pack(">dd", -1.0, 0.0),
            struct.pack(">dd", 11.0, 0.0),
            struct.pack(">dd", float("inf"), 0.0),
            b"\xff" * 16,
        ],
    )
    async def test_a_value_that_is_no_bucket_is_replaced(self, harness: ValkeyHarness, junk: bytes) -> None:
        await harness.client.set(f"{harness.prefix}:junk", junk)
        assert [(await harness.take("junk", SLOW, 10)).remaining for _ in range(3)] == [9, 8, 7]

    async def test_a_stamp_beyond_all_time_bars_nobody(self, harness: ValkeyHarness) -> None:
        await harness.client.set(f"{harness.prefix}:later", struct.pack(">dd", 0.0, float("inf")))
        assert not (await harness.take("later", SLOW, 10)).allowed
        await harness.pass_time("later", 2 / SLOW)
        assert (await harness.take("later", SLOW, 10)).allowed

    async def test_rate_and_burst_may_change_between_takes(self, harness: ValkeyHarness) -> None:
        await harness.take("change", SLOW, 100)
        assert (await harness.take("change", SLOW, 10)).remaining == 9
        assert (await harness.take("change", SLOW, 100)).remaining == 8

    async def test_keys_carry_nothing_but_prefix_and_name(self, harness: ValkeyHarness) -> None:
        await harness.take("name", SLOW, 1)
        keys = {key async for key in harness.client.scan_iter(f"{harness.prefix}*")}
        assert keys - {f"{harness.prefix}:probe".encode()} == {f"{harness.prefix}:name".encode()}

    async def test_a_cancelled_asker_shifts_no_reply(self, harness: ValkeyHarness) -> None:
        """What CVE-2023-28858 was about: the next reply must be its asker's own."""
        for turn in range(50):
            askers = [
                asyncio.ensure_future(harness.take(f"{turn} {number}", SLOW, 1000 + number)) for number in range(20)
            ]
            for _ in range(turn % 5):
                await asyncio.sleep(0)
            for asker in askers[::2]:
                asker.cancel()
            outcomes = await asyncio.gather(*askers, return_exceptions=True)
            for number, outcome in enumerate(outcomes):
                if not isinstance(outcome, asyncio.CancelledError):
                    assert not isinstance(outcome, BaseException)
                    assert outcome.remaining == 999 + number


async def test_closed_it_answers_nobody(valkey_server: ValkeyServer) -> None:
    store = ValkeyStore(settings(valkey_server.unix_url))
    await store.start()
    asked = asyncio.ensure_future(store.take("k", 1.0, 1, 1.0, 0.0))
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises(StoreUnavailable):
        await asked
    with pytest.raises(StoreUnavailable):
        await store.take("k", 1.0, 1, 1.0, 0.0)
    assert not store.healthy()


async def test_a_database_may_be_chosen(valkey_server: ValkeyServer, client: Redis) -> None:
    chosen = settings(f"{valkey_server.url}/7")
    async with started(chosen) as store:
        await store.take("k", 1.0, 1, 1.0, 0.0)
    await client.select(7)
    assert await client.exists(f"{chosen.prefix}:k")


@pytest.mark.parametrize("url", ["http://user:s3cr3t@store", "valkey://user:s3cr3t@store/x"])
def test_a_url_that_cannot_be_used_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(StoreMisconfigured) as refused:
        ValkeyStore(settings(url))
    assert "s3cr3t" not in str(refused.value)
    assert refused.value.__suppress_context__


async def test_a_cluster_is_used_through_its_partitions() -> None:
    async with cluster(3) as nodes:
        chosen = settings(f"valkey+cluster://127.0.0.1:{nodes[0].port}")
        async with started(chosen) as store:
            assert store.healthy()
            for allowed in (True, False):
                taken = await asyncio.gather(*(store.take(f"k{n}", SLOW, 1, 1.0, 0.0) for n in range(200)))
                assert {one.allowed for one in taken} == {allowed}
            crowd = await asyncio.gather(*(store.take("crowd", SLOW, 100, 1.0, 0.0) for _ in range(1000)))
            assert sum(one.allowed for one in crowd) == 100
        tags = set()
        for node in nodes:
            client = Redis(port=node.port)
            tags |= {key.split(b":")[1] async for key in client.scan_iter(f"{chosen.prefix}:*")}
            await client.aclose()
        assert len(tags) == PARTITIONS


async def test_a_url_of_the_wrong_kind_is_said_to_be(valkey_server: ValkeyServer) -> None:
    with pytest.raises(StoreMisconfigured, match="not a cluster"):
        async with started(settings(valkey_server.url.replace("valkey:", "valkey+cluster:"))):
            pass
    async with cluster(2) as nodes:
        told = []
        for node in nodes:
            try:
                async with started(settings(f"valkey://127.0.0.1:{node.port}", prefix="x")):
                    pass
            except StoreMisconfigured as error:
                told.append(str(error))
    assert len(told) == 1  # the other node happens to have the slot
    assert "valkey+cluster://" in told[0]
