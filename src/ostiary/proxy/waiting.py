"""The requests that wait for a connection to be free: not too many, not for too long, and no caller before all others.

Each client network has a line of its own, and the lines take turns: whoever sends a thousand requests waits behind
himself. For the same reason it is the longest line that makes room for a newcomer when all places are taken. Networks
that keep connections busy for nothing have their turn when nobody else waits.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING

from ostiary.limit.limiter import network_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from ostiary.proxy.exchange import Exchange


class WaitingLine:
    """At most `most` exchanges, each for at most `seconds`; `given_up` is told of those that get no connection.

    `deadline` is watched by the worker's `Deadlines`. Those in it that are over count for nothing.
    """

    def __init__(self, most: int, seconds: float, given_up: Callable[[Exchange], None]) -> None:
        self.deadline = inf
        """When the longest waiting exchange has waited long enough. Monotonic seconds."""
        self._most = most
        self._seconds = seconds
        self._given_up = given_up
        self.lines: dict[str, deque[tuple[Exchange, float]]] = {}
        """Who waits, and until when, by network; the network whose turn it is comes first, and no line is empty."""
        self.last: set[str] = set()
        """The networks that have to wait behind others."""
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def join(self, exchange: Exchange, mono: float) -> bool:
        """Let `exchange` wait; False if there is no room."""
        if self._length >= self._most:  # for those whose clients have left, nobody should be turned away
            self._forget_those_over()
        network = network_of(exchange.request.client)
        line = self.lines.get(network)
        full = self._length >= self._most
        pushed_out = self._push_out(0 if line is None else len(line)) if full else None
        if full and pushed_out is None:
            return False
        if line is None:
            line = self.lines[network] = deque()
        until = mono + self._seconds
        line.append((exchange, until))
        self._length += 1
        self.deadline = min(self.deadline, until)
        if pushed_out is not None:
            self._given_up(pushed_out)
        return True

    def leave(self, *, spare: bool = True) -> Exchange | None:
        """Take out the one whose turn it is, if anyone waits; of the networks that are `last` only if `spare`."""
        while self.lines:
            network = next((one for one in self.lines if one not in self.last), None)
            if network is None:
                if not spare:
                    return None
                network = next(iter(self.lines))
            line = self.lines.pop(network)
            while line:
                exchange, _ = line.popleft()
                self._length -= 1
                if not exchange.over:
                    if line:
                        self.lines[network] = line
                    return exchange
        return None

    def count(self, without: Container[str] = ()) -> int:
        """How many still wait; or how many of them are not from the networks `without`."""
        lines = [line for network, line in self.lines.items() if network not in without]
        return sum(not exchange.over for line in lines for exchange, _ in line)

    def expired(self, mono: float) -> None:
        """Give up those that have waited for long enough."""
        late = []
        for network, line in tuple(self.lines.items()):
            while line and (line[0][1] < mono or line[0][0].over):
                late.append(line.popleft()[0])
            if not line:
                del self.lines[network]
        self._length -= len(late)
        self.deadline = min((line[0][1] for line in self.lines.values()), default=inf)
        for exchange in late:
            if not exchange.over:
                self._given_up(exchange)

    def _push_out(self, length: int) -> Exchange | None:
        """Take out the last of the longest line, if one of `length` is shorter even with one more."""
        longest = max(self.lines.values(), key=len, default=None)
        if longest is None or len(longest) <= length + 1:
            return None
        self._length -= 1
        return longest.pop()[0]

    def _forget_those_over(self) -> None:
        for network, line in tuple(self.lines.items()):
            left = deque(one for one in line if not one[0].over)
            if left:
                self.lines[network] = left
            else:
                del self.lines[network]
        self._length = sum(map(len, self.lines.values()))
