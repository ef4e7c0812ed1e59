"""Buckets in the memory of one process: exact for one worker, and the measure for every other store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ostiary.limit.bucket import take

if TYPE_CHECKING:
    from ostiary.limit.bucket import Bucket
    from ostiary.stores.protocol import Taken

MAX_KEYS: Final = 100_000
"""Buckets kept by default: about 25 MB when all are in use."""
_LOOKS: Final = 8
_QUIET: Final = 1024
"""Buckets that are kept without looking for full ones among them: forgetting and making them anew would cost more."""


class MemoryStore:
    """A `LimitStore` of at most `max_keys` buckets; a take never suspends and does bounded work.

    Each new key looks at a few old ones in turn and forgets those that are full, which loses nothing. Only if more than
    `max_keys` buckets are in use at once is one forgotten that is not full: of those looked at, the one nearest to it.
    So a flood of callers who come once forgets its own, not the bucket that somebody has drained; and one
    forgotten bucket grants no more than its burst.
    """

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._buckets: dict[str, Bucket] = {}
        self._ring: list[str] = []
        self._hand = 0

    async def start(self) -> None:
        """Nothing to begin."""

    async def take(self, key: str, rate: float, burst: int, cost: float, mono: float) -> Taken:
        """See `LimitStore.take`; raises nothing."""
        return self.take_now(key, rate, burst, cost, mono)

    def take_now(self, key: str, rate: float, burst: int, cost: float, mono: float) -> Taken:
        """See `LimitStore.take_now`."""
        bucket = self._buckets.get(key)
        if bucket is None:
            self._make_room(mono)
            self._ring.append(key)
        self._buckets[key], taken = take(bucket, rate, burst, cost, mono)
        return taken

    def healthy(self) -> bool:
        """Memory is always there."""
        return True

    async def close(self) -> None:
        """Forget everything."""
        self._buckets.clear()
        self._ring.clear()

    def _make_room(self, mono: float) -> None:
        ring, buckets = self._ring, self._buckets
        if len(ring) < min(_QUIET, self._max_keys):
            return
        nearest, full_at = 0, float("inf")
        for _ in range(min(_LOOKS, len(ring))):
            self._hand = hand = self._hand % len(ring)
            bucket = buckets[ring[hand]]
            if bucket.full_at <= mono:
                self._forget(hand)
                continue
            if bucket.full_at < full_at:
                nearest, full_at = hand, bucket.full_at
            self._hand += 1
        if len(ring) >= self._max_keys:
            self._forget(nearest)

    def _forget(self, place: int) -> None:
        del self._buckets[self._ring[place]]
        last = self._ring.pop()
        if place < len(self._ring):
            self._ring[place] = last
