"""The rate rows of the shared attack table that are the limiter's: R2 to R5 and R10.

R1 (a rotating X-Forwarded-For) is the trusted chain's, R8 (one route in many spellings) the canonical path's: a key
knows of neither.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from pydantic import SecretBytes

from ostiary.config.model import Bucket, Limit, Store, Tiers
from ostiary.limit.limiter import Limiter
from ostiary.limit.tiers import TierTable
from ostiary.stores.memory import MemoryStore
from ostiary.stores.valkey import ValkeyStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.valkey import ValkeyServer

TIERS = TierTable(Tiers())
BUCKETS = {"free": Bucket(rate=0.001, burst=100), "enterprise": Bucket(rate=0.001, burst=500)}


@pytest.fixture(params=["memory", "valkey"])
async def store(
    request: pytest.FixtureRequest, valkey_server: ValkeyServer
) -> AsyncIterator[MemoryStore | ValkeyStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    url = SecretBytes(valkey_server.unix_url.encode())
    shared = ValkeyStore(Store(url=url, command_timeout=5.0, prefix=f"attack-{uuid4().hex}"))
    await shared.start()
    yield shared
    await shared.close()


@pytest.fixture
def limiter(store: MemoryStore | ValkeyStore) -> Limiter:
    return Limiter("api", Limit(tiers=BUCKETS), TIERS, store)


async def granted(limiter: Limiter, keys: list[str], tier: str = "free", cost: float = 1.0) -> int:
    outcomes = await asyncio.gather(*(limiter.take(key, tier, 0.0, cost) for key in keys))
    return sum(outcome.allowed for outcome in outcomes)


async def test_r2_an_ipv6_network_is_one_caller(limiter: Limiter) -> None:
    addresses = [f"2001:db8:0:7:{number:x}:{number * 7 % 65536:x}::1" for number in range(1000)]
    assert await granted(limiter, [limiter.key_for(None, None, address) for address in addresses]) == 100


async def test_r2_a_mapped_address_is_the_address(limiter: Limiter) -> None:
    spellings = ["1.2.3.4", "::ffff:1.2.3.4", "::FFFF:102:304", "0:0:0:0:0:ffff:1.2.3.4"]
    assert await granted(limiter, [limiter.key_for(None, None, address) for address in spellings * 50]) == 100


async def test_r3_a_subject_is_not_an_address_and_has_one_issuer(limiter: Limiter) -> None:
    drained = limiter.key_for("corp", "203.0.113.7", "198.51.100.1")
    assert await granted(limiter, [drained] * 200) == 100
    for other in (
        limiter.key_for(None, None, "203.0.113.7"),
        limiter.key_for("partner", "203.0.113.7", "198.51.100.1"),
        limiter.key_for("cor", "p203.0.113.7", "198.51.100.1"),
        limiter.key_for("corp", "203.0.113.8", "198.51.100.1"),
    ):
        assert await granted(limiter, [other]) == 1


async def test_r4_of_a_thousand_at_once_exactly_the_capacity(limiter: Limiter) -> None:
    assert await granted(limiter, [limiter.key_for("corp", "alice", "192.0.2.1")] * 1000) == 100


@pytest.mark.parametrize(
    "claim, burst",
    [
        ("enterprise", 500),
        ("free", 100),
        ("unlimited", 100),
        ("ENTERPRISE", 100),
        ("anonymous", 100),
        ("", 100),
        ("__class__", 100),
        (None, 100),
    ],
)
async def test_r5_the_verified_claim_chooses_and_an_unknown_one_is_the_lowest(
    limiter: Limiter, claim: str | None, burst: int
) -> None:
    key = limiter.key_for("corp", "bob", "192.0.2.1")
    assert await granted(limiter, [key] * 600, TIERS.of_claim(claim)) == burst


@pytest.mark.parametrize("cost", [0.0, -5.0, float("-inf")])
async def test_r10_no_cost_is_free_or_a_gift(limiter: Limiter, cost: float) -> None:
    assert await granted(limiter, [limiter.key_for("corp", "carol", "")] * 300, cost=cost) == 100


@pytest.mark.parametrize("cost", [1e9, float("inf"), float("nan")])
async def test_r10_no_cost_is_more_than_a_bucket(limiter: Limiter, cost: float) -> None:
    key = limiter.key_for("corp", "dave", "")
    assert await granted(limiter, [key] * 3, cost=cost) == 1
    assert await granted(limiter, [key]) == 0
