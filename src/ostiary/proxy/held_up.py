"""The connections of one upstream whose answers wait for their clients, and which of them others get instead.

A client that does not take its answer keeps a connection for as long as it likes. That harms nobody until somebody
waits for one. Then answers are cut, as many as requests wait, but no more than are held up beyond what may be:

- those held up for longer than the grace, down to the share of the connections that is left to slow clients;
- those of a network that crowds, which is to hold up more than a quarter of that share: at once, down to that quarter,
  and only for others, whom it also waits behind.

The network that holds up most loses first, and of its answers the one held up for longest. So a crowd of slow readers
keeps nobody out, wherever it comes from, and who is as slow without being many is the last to pay for it.
"""

from __future__ import annotations

import heapq
from collections import deque
from itertools import takewhile
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from ostiary.limit.limiter import network_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ostiary.config.model import Upstream
    from ostiary.observe.metrics import UpstreamMetrics
    from ostiary.proxy.target import Target
    from ostiary.proxy.upstream import UpstreamConnection
    from ostiary.proxy.waiting import WaitingLine

_CROWD: Final = 0.25
"""Of what slow clients may keep, the part beyond which one network crowds."""


class _Held(NamedTuple):
    connection: UpstreamConnection
    network: str
    since: float


class HeldUp:
    """The held-up answers of one upstream in one worker, and the `line` of those who wait for a connection.

    `deadline` is watched by the worker's `Deadlines`; monotonic seconds.
    """

    def __init__(
        self,
        upstream: Upstream,
        targets: Sequence[Target],
        line: WaitingLine,
        metrics: UpstreamMetrics,
        monotonic: Callable[[], float],
    ) -> None:
        self.deadline = inf
        """When to look again whether somebody waits."""
        self._grace = upstream.slow_clients.grace
        self._kept = upstream.slow_clients.share * upstream.connections
        """How many of each target's connections slow clients may keep."""
        self._crowd = max(int(_CROWD * self._kept * len(targets)), 1)
        """How many one network may hold up without being a crowd."""
        self._targets = targets
        self._line = line
        self._metrics = metrics
        self._monotonic = monotonic
        self._held: dict[UpstreamConnection, _Held] = {}
        """The one held up for longest comes first."""
        self._counts: dict[str, int] = {}
        """How many of them each network has."""
        self._cut: set[UpstreamConnection] = set()
        """Those that were cut and are not closed yet."""

    def __len__(self) -> int:
        return len(self._held)

    def begin(self, connection: UpstreamConnection) -> None:
        """Note that the answer on `connection` waits for its client."""
        network = network_of(connection.caller)
        self._held[connection] = _Held(connection, network, self._monotonic())
        count = self._counts[network] = self._counts.get(network, 0) + 1
        if count > self._crowd:
            self._line.last.add(network)

    def end(self, connection: UpstreamConnection) -> None:
        """Note that it waits no longer."""
        held = self._held.pop(connection, None)
        if held is None:
            return
        network = held.network
        count = self._counts[network] = self._counts[network] - 1
        if count <= self._crowd:
            self._line.last.discard(network)
        if not count:
            del self._counts[network]

    def lost(self, connection: UpstreamConnection) -> None:
        """Forget a connection that is closed."""
        self._cut.discard(connection)

    def make_room(self, mono: float) -> None:
        """Cut as many answers as requests wait, as far as there are; look again for as long as any wait."""
        waiting = self._line.count()
        self.deadline = mono if waiting else inf
        if not self._held or waiting <= len(self._cut):
            return
        # Room at a target that is left out would be of no use while another is up: nobody would be sent there.
        targets = [target for target in self._targets if target.out_until <= mono]
        targets = targets or [target for target in self._targets if not target.down]
        late = takewhile(lambda one: one.since + self._grace <= mono, self._held.values())
        slow = [one for one in late if one.connection.target in targets]
        self._cut_some(slow, waiting, kept=int(self._kept * len(targets)))
        crowding = self._line.last
        if crowding:
            held = self._held.values()
            crowd = [one for one in held if one.network in crowding and one.connection.target in targets]
            self._cut_some(crowd, self._line.count(crowding), kept=self._crowd * len(crowding))

    expired = make_room

    def _cut_some(self, held: Sequence[_Held], waiting: int, *, kept: int) -> None:
        """Cut those of `held` who are worst, until as many have been cut as are `waiting`, or only `kept` are left."""
        for connection in _worst(held, min(waiting - len(self._cut), len(held) - kept)):
            self.end(connection)
            self._cut.add(connection)
            self._metrics.answers_cut.value += 1
            connection.cut()


def _worst(held: Sequence[_Held], count: int) -> list[UpstreamConnection]:
    """Choose `count` of `held`, who are in order: each time the first one of the network that has most of them left."""
    networks: dict[str, deque[tuple[int, UpstreamConnection]]] = {}
    for place, one in enumerate(held if count > 0 else ()):
        networks.setdefault(one.network, deque()).append((place, one.connection))
    heap = [(-len(line), line[0][0], line) for line in networks.values()]
    heapq.heapify(heap)
    chosen: list[UpstreamConnection] = []
    while len(chosen) < count:
        _, _, line = heapq.heappop(heap)
        chosen.append(line.popleft()[1])
        if line:
            heapq.heappush(heap, (-len(line), line[0][0], line))
    return chosen
