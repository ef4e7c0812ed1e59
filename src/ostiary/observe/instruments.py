"""What counts: plain integers and floats behind one attribute, cheap enough for every request.

Nothing here is synchronised: each belongs to one event loop, and is read in between its callbacks.
"""

from __future__ import annotations

from bisect import bisect_left


class Counter:
    """A number that only grows: ``counter.value += 1``."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0


class Gauge:
    """A number that comes and goes: ``gauge.value += 1`` and ``-= 1``, or set."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0


class Histogram:
    """How often a duration fell into each bucket.

    `bounds` are the buckets' inclusive upper bounds in seconds, ascending; one more bucket takes what lies above.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds
