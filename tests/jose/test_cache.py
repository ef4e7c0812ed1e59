from __future__ import annotations

import gc
import secrets
import timeit
import tracemalloc
from collections import OrderedDict
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from ostiary.jose.algorithms import ALGORITHMS
from ostiary.jose.cache import TokenCache
from ostiary.jose.jwk import public_key
from ostiary.jose.verify import VerifiedToken
from tests.support.tokens import key

_KEY = public_key(key("ES256").jwk, list(ALGORITHMS))


def _token(subject: str = "alice", size: int = 0) -> VerifiedToken:
    return VerifiedToken("issuer", _KEY, subject, secrets.token_bytes(size), 0.0, inf, inf)


def test_what_is_put_in_is_found_and_counted() -> None:
    cache, token = TokenCache(2), _token()
    assert cache.get(b"a") is None
    cache.put(b"a", token)
    assert cache.get(b"a") is token
    assert (cache.hits, cache.misses) == (1, 1)


def test_a_newer_token_takes_the_place_of_an_older_of_the_same_name() -> None:
    cache, newer = TokenCache(2), _token("newer")
    cache.put(b"a", _token("older"))
    cache.put(b"a", newer)
    assert cache.get(b"a") is newer
    assert len(cache) == 1


def test_a_cache_of_none_keeps_none() -> None:
    cache = TokenCache(0)
    cache.put(b"a", _token())
    assert cache.get(b"a") is None


def test_what_is_in_use_survives_a_flood_of_what_is_not() -> None:
    cache = TokenCache(100)
    used = [f"used{place}".encode() for place in range(50)]
    for name in used:
        cache.put(name, _token())
    for place in range(10_000):
        if place % 40 == 0:
            assert all(cache.get(name) is not None for name in used)
        cache.put(f"flood{place}".encode(), _token())
    assert len(cache) == 100


@given(st.integers(0, 5), st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=60))
def test_it_is_bounded_and_never_returns_anothers_token(entries: int, steps: list[tuple[bool, int]]) -> None:
    cache = TokenCache(entries)
    latest: OrderedDict[bytes, VerifiedToken] = OrderedDict()
    for puts, number in steps:
        name = bytes([number])
        if puts:
            latest[name] = _token()
            cache.put(name, latest[name])
            assert entries == 0 or cache.get(name) is latest[name]
        else:
            assert cache.get(name) in (None, latest.get(name))
        assert len(cache) <= entries


def test_a_cached_token_costs_less_than_one_and_a_half_kilobytes() -> None:
    """Everything included: the entry, its name, its place in the ring, the token and a payload of 450 octets."""
    entries = 5000
    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        cache = TokenCache(entries)
        for place in range(entries):
            token = VerifiedToken(
                "issuer", _KEY, f"user-{place:020}", secrets.token_bytes(450), 1e9 + place, 2e9 + place, 3e9 + place
            )
            cache.put(secrets.token_bytes(32), token)
        each = (tracemalloc.get_traced_memory()[0] - before) / entries
    finally:
        tracemalloc.stop()
    assert len(cache) == entries
    assert each < 1100  # 400 octets are left for what the pipeline keeps with it


def test_a_hit_costs_the_same_however_full_the_cache_is() -> None:
    """Interleaved and best-of-many with a generous bound, so that a busy machine does not decide."""

    def hits(entries: int) -> timeit.Timer:
        cache = TokenCache(entries)
        for place in range(entries):
            cache.put(place.to_bytes(32, "big"), _token())
        name = (entries // 2).to_bytes(32, "big")
        return timeit.Timer(lambda: cache.get(name))

    few, many = hits(100), hits(20_000)
    times = [(few.timeit(1000), many.timeit(1000)) for _ in range(25)]
    assert min(late for _, late in times) < 3 * min(early for early, _ in times)
