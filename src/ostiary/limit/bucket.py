"""The token bucket as arithmetic: no clock, no store.

A bucket holds up to `burst` tokens and gains `rate` a second. Its state is how many tokens it held at which moment;
what it holds now follows. This was chosen over the one number of the generic cell rate algorithm (the moment at which
the bucket will be full), because tokens are spent in whole numbers: a burst of 100 is exactly 100 at any rate, where
a hundred rounded intervals of 1/3 s make 99 or 100 as chance has it; and where the clock counts from 1970, a double
rounds that moment to a quarter of a microsecond, which is much at 100,000 a second.

Laws, for any sequence of takes:

1. While the clock moves forward by T seconds in all, however often it is set back meanwhile, at most `rate * T + burst`
   tokens are granted.
2. A refusal changes nothing that a later take could see, so a store need not write it, unless the clock went back.
3. A bucket that is full is as good as none: after `Bucket.full_at` it may be forgotten.
"""

from __future__ import annotations

import msgspec

from ostiary.stores.protocol import Taken


class Bucket(msgspec.Struct, frozen=True, gc=False):
    """The tokens held at the moment `stamp`, and the moment at which the bucket is full if left alone."""

    tokens: float
    stamp: float
    full_at: float


def charge(cost: float, burst: int) -> float:
    """The cost that is charged: at least one token, at most the whole bucket, which is also the price of NaN."""
    if 1.0 <= cost <= burst:
        return cost
    return 1.0 if cost < 1.0 else float(burst)


def answer(allowed: bool, tokens: float, rate: float, burst: int, cost: float) -> Taken:  # noqa: FBT001 - a fact, no mode
    """Say what was decided, with `tokens` left and `cost` as charged."""
    return Taken(allowed, int(tokens), 0.0 if allowed else (cost - tokens) / rate, (burst - tokens) / rate)


def take(bucket: Bucket | None, rate: float, burst: int, cost: float, now: float) -> tuple[Bucket, Taken]:
    """Take `cost` tokens at `now` (seconds, any clock): the bucket afterwards, and the answer.

    `rate` is above 0, `burst` at least 1. When the clock went back, the bucket is stamped anew, lest it stand still
    until the clock has caught up.
    """
    if not 1.0 <= cost <= burst:
        cost = charge(cost, burst)
    tokens = float(burst)
    if bucket is not None:
        elapsed = now - bucket.stamp
        held = bucket.tokens + elapsed * rate if elapsed > 0.0 else bucket.tokens
        if held < tokens:  # noqa: PLR1730  # min() costs a call, on every request
            tokens = held
    if tokens >= cost:
        tokens -= cost
        reset = (burst - tokens) / rate
        return Bucket(tokens, now, now + reset), Taken(True, int(tokens), 0.0, reset)
    taken = answer(False, tokens, rate, burst, cost)
    return Bucket(tokens, now, now + taken.reset), taken
