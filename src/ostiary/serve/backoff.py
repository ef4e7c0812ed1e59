"""How long to wait before a worker that died is started again."""

from __future__ import annotations

from typing import Final

_FIRST: Final = 0.1
_LONGEST: Final = 30.0
_STABLE: Final = 60.0


class Backoff:
    """A tenth of a second after the first death, twice as long after each further one, half a minute at most.

    A worker that lived for a minute has earned a fresh start. So a lone crash is mended at once, and one that repeats
    costs at most ten starts in its first minute and two in each later one, whatever its rhythm below a minute.
    """

    def __init__(self) -> None:
        self._next = _FIRST

    def after(self, lived: float) -> float:
        """Return the seconds to wait after a worker that lived so many seconds."""
        if lived >= _STABLE:
            self._next = _FIRST
        delay = self._next
        self._next = min(2 * delay, _LONGEST)
        return delay
