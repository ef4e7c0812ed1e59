from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.config.model import Bucket, Limit, Tiers
from ostiary.decision.outcome import Broken
from ostiary.decision.reason import LIMITER_UNAVAILABLE
from ostiary.limit.limiter import Limiter, LimitOutcome, network_of
from ostiary.limit.tiers import TierTable
from ostiary.observe.metrics import Metrics
from ostiary.stores.memory import MemoryStore
from ostiary.stores.protocol import LimitStore, StoreUnavailable, Taken

BUCKETS = {"anonymous": Bucket(rate=1.0, burst=1), "free": Bucket(rate=1.0, burst=3)}
WHO = st.text(max_size=20)


class Away(MemoryStore):
    """A store that never answers."""

    async def take(self, key: str, rate: float, burst: int, cost: float, mono: float) -> Taken:  # noqa: ARG002  # the protocol's signature
        raise StoreUnavailable


def limiter(
    key: Literal["identity", "client_address"] = "identity",
    away: Literal["open", "closed"] = "closed",
    store: LimitStore | None = None,
    name: str = "api",
    buckets: dict[str, Bucket] = BUCKETS,
) -> Limiter:
    limit = Limit(key=key, tiers=buckets, on_store_failure=away)
    return Limiter(name, limit, TierTable(Tiers()), store or MemoryStore())


async def test_a_bucket_is_emptied_and_refills() -> None:
    limits = limiter()
    outcomes = [await limits.take("k", "free", now) for now in (0.0, 0.0, 0.0, 0.0, 0.4, 1.0)]
    assert [outcome.allowed for outcome in outcomes] == [True, True, True, False, False, True]
    assert [outcome.retry_after for outcome in outcomes] == [0, 0, 0, 1, 1, 0]
    assert outcomes[0].fields == b'RateLimit-Policy: "api";q=3;w=3\r\nRateLimit: "api";r=2;t=2\r\n'
    assert outcomes[3].fields == b'RateLimit-Policy: "api";q=3;w=3\r\nRateLimit: "api";r=0;t=1\r\n'


async def test_tiers_and_limits_have_buckets_of_their_own() -> None:
    store = MemoryStore()
    one, other = limiter(store=store), limiter(store=store, name="other")
    assert (await one.take("k", "anonymous", 0.0)).allowed
    assert not (await one.take("k", "anonymous", 0.0)).allowed
    assert (await one.take("k", "free", 0.0)).allowed
    assert (await other.take("k", "anonymous", 0.0)).allowed


async def test_tiers_that_share_a_bucket_share_it() -> None:
    limits = limiter()
    outcomes = [await limits.take("k", tier, 0.0) for tier in ("premium", "enterprise", "free", "enterprise")]
    assert [outcome.allowed for outcome in outcomes] == [True, True, True, False]


def test_a_take_never_suspends_in_memory() -> None:
    with pytest.raises(StopIteration) as finished:
        limiter().take("k", "free", 0.0).send(None)
    assert finished.value.value.allowed


async def test_with_the_store_away_it_does_as_configured() -> None:
    outcome = await limiter(away="open", store=Away()).take("k", "free", 0.0)
    assert outcome == LimitOutcome(allowed=True, fields=b"", retry_after=0, unchecked=True)
    with pytest.raises(Broken) as broken:
        await limiter(away="closed", store=Away()).take("k", "free", 0.0)
    assert broken.value.refusal.reason is LIMITER_UNAVAILABLE
    assert broken.value.refusal.retry_after == 1


@pytest.mark.parametrize(
    "bucket",
    [
        Bucket.model_construct(rate=0.0, burst=1),
        Bucket.model_construct(rate=float("nan"), burst=1),
        Bucket.model_construct(rate=float("inf"), burst=1),
        Bucket.model_construct(rate=1.0, burst=0),
        Bucket.model_construct(rate=1e9, burst=10**9 + 1),
        Bucket.model_construct(rate=1e-6, burst=1000),
    ],
)
def test_a_bucket_that_cannot_be_kept_is_refused(bucket: Bucket) -> None:
    limit = Limit.model_construct(tiers={"free": bucket}, key="identity", on_store_failure="closed")
    with pytest.raises(ValueError, match="limit api, tier free"):
        Limiter("api", limit, TierTable(Tiers()), MemoryStore())


def test_a_key_says_nothing_of_whose_it_is() -> None:
    for key in (
        limiter().key_for("corp", "alice@example.com", "192.0.2.7"),
        limiter().key_for(None, None, "192.0.2.7"),
    ):
        assert len(key) == 32
        assert set(key) <= set("0123456789abcdef")


@given(st.tuples(WHO, WHO), st.tuples(WHO, WHO))
def test_no_two_identities_share_a_key(one: tuple[str, str], other: tuple[str, str]) -> None:
    limits = limiter()
    keys = [limits.key_for(issuer, subject or "-", "192.0.2.7") for issuer, subject in (one, other)]
    assert (keys[0] == keys[1]) is ((one[0], one[1] or "-") == (other[0], other[1] or "-"))


@given(WHO, WHO)
def test_an_identity_is_never_an_address(issuer: str, subject: str) -> None:
    limits = limiter()
    anonymous = limits.key_for(None, None, subject)
    assert limits.key_for(issuer, subject, subject) != anonymous
    assert limits.key_for(issuer, None, subject) != anonymous


def test_the_address_counts_only_for_whom_it_must() -> None:
    here, there = "192.0.2.1", "192.0.2.2"
    limits = limiter()
    assert limits.key_for("corp", "alice", here) == limits.key_for("corp", "alice", there)
    assert limits.key_for("corp", None, here) != limits.key_for("corp", None, there)
    assert limits.key_for("corp", None, here) != limits.key_for("other", None, here)
    by_address = limiter(key="client_address")
    assert by_address.key_for("corp", "alice", here) == by_address.key_for(None, None, here)
    assert by_address.key_for("corp", "alice", here) != by_address.key_for("corp", "alice", there)


@pytest.mark.parametrize(
    "address, network",
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:DB8:1:2::", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("", ""),
        ("unix:/run/x", "unix:/run/x"),
        ("203.0.113.07", "203.0.113.07"),
    ],
)
def test_what_counts_as_one_client(address: str, network: str) -> None:
    assert network_of(address) == network


async def test_its_answers_are_counted() -> None:
    metrics = Metrics()
    limit = Limit(tiers={"free": Bucket(rate=1.0, burst=1)}, on_store_failure="open")
    kept = Limiter("api", limit, TierTable(Tiers()), MemoryStore(), metrics)
    for _ in range(3):
        await kept.take("k", "premium", 0.0)  # shares the bucket, and so the counters, of the nearest lower tier
    await Limiter("api", limit, TierTable(Tiers()), Away(), metrics).take("k", "free", 0.0)
    counters = metrics.limit("api", "free")
    assert (counters.allowed.value, counters.limited.value, counters.failed_open.value) == (1, 2, 1)
