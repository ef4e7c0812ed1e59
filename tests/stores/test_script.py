from __future__ import annotations

from hashlib import sha1

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.limit.bucket import take
from ostiary.stores.protocol import ConnectionLost
from ostiary.stores.script import SHA, TEXT, checked, decode


def test_its_name_is_its_digest() -> None:
    assert sha1(TEXT, usedforsecurity=False).hexdigest() == SHA
    assert TEXT.startswith(b"-- Takes tokens from buckets")


@pytest.mark.parametrize(
    "reply", [None, b"OK", 1, [], [1], [1, 2, 3], [1, b"2"], [1, None], [1, 2.0], [1, True], [1, [2]], (1, 2), "12"]
)
def test_a_reply_of_another_shape_is_none(reply: object) -> None:
    with pytest.raises(ConnectionLost):
        checked(reply, 2)


def test_a_reply_of_the_right_shape_is_taken() -> None:
    assert checked([1, -2], 2) == [1, -2]


@given(rate=st.floats(1e-3, 1e6), burst=st.integers(1, 1000), costs=st.lists(st.floats(1, 10), min_size=1, max_size=9))
def test_it_says_what_the_arithmetic_says(rate: float, burst: int, costs: list[float]) -> None:
    bucket = None
    for asked in costs:
        cost = min(asked, float(burst))
        bucket, taken = take(bucket, rate, burst, cost, 0.0)
        millionths = int(bucket.tokens * 1e6)
        told = decode(millionths if taken.allowed else -1 - millionths, rate, burst, cost)
        assert told.allowed is taken.allowed
        assert told.remaining == taken.remaining
        assert taken.retry_after <= told.retry_after * (1 + 1e-9) <= taken.retry_after * (1 + 2e-9) + 1.1e-6 / rate
        assert told.reset == pytest.approx(taken.reset, rel=1e-9, abs=1.1e-6 / rate)
