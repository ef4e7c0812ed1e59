"""A clock that goes when it is told to, and the timers that hang on it."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Moments:
    """Call it for the time in seconds; `call_later` as an event loop has it."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self._order = itertools.count()
        self._timers: list[tuple[float, int, _Timer]] = []

    def __call__(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], object]) -> _Timer:
        """Have `callback` called when `delay` seconds have passed."""
        timer = _Timer(callback)
        heapq.heappush(self._timers, (self.now + delay, next(self._order), timer))
        return timer

    @property
    def next_in(self) -> float:
        """Seconds to the next timer."""
        while self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] - self.now

    def fire_next(self) -> None:
        """Go forward to the next timer and fire it."""
        self.now += self.next_in
        callback = heapq.heappop(self._timers)[2].callback
        assert callback is not None
        callback()


class _Timer:
    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


def unexpected(error: BaseException) -> None:
    """Stand in for what counts bugs, where none may be."""
    raise error
