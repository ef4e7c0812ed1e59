"""The requests that wait for a connection to be free: in their order, not too many, and not for too long."""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ostiary.proxy.exchange import Exchange


class WaitingLine:
    """A queue of at most `most` exchanges, each for at most `seconds`; `given_up` is told of those that waited longer.

    `deadline` is watched by the worker's `Deadlines`. Those in it that are over count for nothing.
    """

    def __init__(self, most: int, seconds: float, given_up: Callable[[Exchange], None]) -> None:
        self.deadline = inf
        """When the longest waiting exchange has waited long enough. Monotonic seconds."""
        self._most = most
        self._seconds = seconds
        self._given_up = given_up
        self.line: deque[tuple[Exchange, float]] = deque()
        """Who waits, and until when."""

    def __len__(self) -> int:
        return len(self.line)

    def join(self, exchange: Exchange, mono: float) -> bool:
        """Let `exchange` wait; False if there is no room."""
        if len(self.line) >= self._most:  # for those whose clients have left, nobody should be turned away
            self.line = deque(one for one in self.line if not one[0].over)
        if len(self.line) >= self._most:
            return False
        until = mono + self._seconds
        self.line.append((exchange, until))
        self.deadline = min(self.deadline, until)
        return True

    def leave(self) -> Exchange | None:
        """Take out the one that has waited longest, if anyone waits."""
        while self.line:
            exchange, _ = self.line.popleft()
            if not exchange.over:
                return exchange
        return None

    def count(self) -> int:
        """How many still wait."""
        return sum(not exchange.over for exchange, _ in self.line)

    def expired(self, mono: float) -> None:
        """Give up those that have waited for long enough."""
        line = self.line
        while line and (line[0][1] < mono or line[0][0].over):
            exchange, _ = line.popleft()
            if not exchange.over:
                self._given_up(exchange)
        self.deadline = line[0][1] if line else inf
