"""What a store of shared limits can do, and the ways in which it cannot."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Taken(msgspec.Struct, frozen=True, gc=False):
    """What a bucket answered. `remaining` is whole tokens, rounded down; the times are seconds.

    `retry_after` is how long until the same cost would be granted if nobody else took (0 when allowed), `reset` how
    long until the bucket is full.
    """

    allowed: bool
    remaining: int
    retry_after: float
    reset: float


class StoreUnavailable(Exception):
    """Nothing can be said of the bucket now. The take may have been charged or not; it is never granted unpaid."""


class StoreMisconfigured(Exception):
    """The store answers, but not to us: trying again would not help, the operator must act. Tells no secret."""


class ConnectionLost(StoreUnavailable):
    """The connection broke, or what came over it made no sense; a new one may do better at once."""


class Unscripted(Exception):
    """The server does not know the script by its name."""


class LimitStore(Protocol):
    """Token buckets by key. A key is always asked for with the same rate and burst; without a bucket, it is full."""

    async def start(self) -> None:
        """Begin. Raises `StoreMisconfigured`; a store that is merely away is not healthy, and heals by itself."""

    async def take(self, key: str, rate: float, burst: int, cost: float, mono: float) -> Taken:
        """Take `cost` tokens (see `bucket.charge`) from the bucket that refills `rate` a second up to `burst`.

        `mono` is the caller's monotonic clock, in seconds. Raises `StoreUnavailable`.
        """

    def take_now(self, key: str, rate: float, burst: int, cost: float, mono: float) -> Taken | None:
        """The same as `take`, without waiting; None, with nothing taken, from a store that has to be waited for."""

    def healthy(self) -> bool:
        """Tell whether a take would be answered now, as far as is known."""

    async def close(self) -> None:
        """Stop, failing whoever still waits."""
