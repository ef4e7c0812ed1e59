"""Deadlines of many connections on one timer: a request must not pay for arming and cancelling its own (law 9)."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

PERIOD: Final = 0.25
"""Seconds between two looks: how late a deadline may be noticed."""


class Expiring(Protocol):
    """Something that may not last longer than it says."""

    deadline: float
    """Monotonic seconds; infinity for never."""

    def expired(self, mono: float) -> None:
        """Act on the deadline having passed, setting a new one if this one is to be told apart from it."""


class Deadlines:
    """The connections of one worker, looked through every `PERIOD`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float], bug: Callable[[BaseException], None]
    ) -> None:
        self._loop = loop
        self._bug = bug
        self._clock = clock
        self._watched: set[Expiring] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.lag = 0.0
        """How many seconds late the last look was: the event loop's own lag."""

    def start(self) -> None:
        """Begin looking."""
        self._due = self._clock() + PERIOD
        self._timer = self._loop.call_later(PERIOD, self._look)

    def stop(self) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.cancel()

    def watch(self, one: Expiring) -> None:
        """Look at `one` from now on."""
        self._watched.add(one)

    def forget(self, one: Expiring) -> None:
        """Look at `one` no more."""
        self._watched.discard(one)

    def sweep(self, mono: float) -> None:
        """Tell everything whose deadline is before `mono`."""
        for one in [one for one in self._watched if one.deadline < mono]:
            if one.deadline < mono:  # still: the end of another may have been the end of this one, too
                try:
                    one.expired(mono)
                except Exception as error:  # noqa: BLE001  # whatever it is, it must not cost the others their ends
                    one.deadline = inf
                    self._bug(error)

    def _look(self) -> None:
        mono = self._clock()
        self.lag = max(0.0, mono - self._due)
        self._due = mono + PERIOD
        self._timer = self._loop.call_later(PERIOD, self._look)
        self.sweep(mono)
