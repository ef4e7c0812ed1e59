"""The connections of one upstream that wait for their clients, and which of them others get instead.

A client that does not take its answer, or does not send its request on (see `Uploads`), keeps a connection for as long
as it likes. That harms nobody until somebody waits for one. Then they are cut, as many as requests wait, but no more
than are held up beyond what may be:

- those held up for longer than the grace, down to the share of the connections that is left to slow clients;
- those of a network that crowds, which is to hold up more than a quarter of that share: at once, down to that quarter,
  and only for others, whom it also waits behind. It gets no connection at all while only as many are free as make a
  crowd: others find them open, instead of waiting each time until somebody is cut and a new one is made.

The network that holds up most loses first, and of its connections the one held up for longest. So a crowd of slow
clients keeps nobody out, wherever it comes from, and who is as slow without being many is the last to pay for it.
"""

from __future__ import annotations

import heapq
from collections import deque
from math import inf
from operator import attrgetter
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
    upload: bool
    """Whether it is the request that is waited for, and not the answer that is not taken."""


class HeldUp:
    """The held-up connections of one upstream in one worker, and the `line` of those who wait for a connection.

    `deadline` is watched by the worker's `Deadlines`; monotonic seconds.
    """

    def __init__(
        self,
        upstream: Upstream,
        targets: Sequence[Target],
        line: WaitingLine,
        metrics: UpstreamMetrics,
        monotonic: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        """`changed` is told when a network begins to crowd, or no longer does."""
        self.deadline = inf
        """When to look again whether somebody waits."""
        self._grace = upstream.slow_clients.grace
        self._kept = upstream.slow_clients.share * upstream.connections
        """How many of each target's connections slow clients may keep."""
        self._crowd = max(int(_CROWD * self._kept * len(targets)), 1)
        """How many one network may hold up without being a crowd."""
        self.spared = int(_CROWD * self._kept)
        """How many connections to each target those who crowd leave to others."""
        self._changed = changed
        self._targets = targets
        self._line = line
        self._metrics = metrics
        self._monotonic = monotonic
        self._held: dict[UpstreamConnection, _Held] = {}
        self._counts: dict[str, int] = {}
        """How many of them each network has."""
        self._cut: set[UpstreamConnection] = set()
        """Those that were cut and are not closed yet."""

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, connection: object) -> bool:
        return connection in self._held

    def begin(self, connection: UpstreamConnection) -> None:
        """Note that the answer on `connection` waits for its client."""
        self.end(connection)  # its request may have waited, too
        self._note(connection, self._monotonic(), upload=False)

    def begin_upload(self, connection: UpstreamConnection, since: float) -> None:
        """Note that the request on `connection` has waited for its client since then."""
        self._note(connection, since, upload=True)

    def _note(self, connection: UpstreamConnection, since: float, *, upload: bool) -> None:
        network = network_of(connection.caller)
        self._held[connection] = _Held(connection, network, since, upload)
        count = self._counts[network] = self._counts.get(network, 0) + 1
        if count > self._crowd and network not in self._line.last:
            self._line.last.add(network)
            self._changed()

    def end(self, connection: UpstreamConnection) -> None:
        """Note that it waits no longer."""
        held = self._held.pop(connection, None)
        if held is None:
            return
        network = held.network
        count = self._counts[network] = self._counts[network] - 1
        if not count:
            del self._counts[network]
        if network in self._line.last and count <= self._crowd:
            self._line.last.discard(network)
            self._changed()

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
        useful = [one for one in self._held.values() if one.connection.target in targets]
        useful.sort(key=attrgetter("since"))  # in which order they are already, but for uploads
        late = [one for one in useful if one.since + self._grace <= mono]
        self._cut_some(late, waiting, kept=int(self._kept * len(targets)))
        crowding = self._line.last
        if crowding:
            crowd = [one for one in useful if one.network in crowding and one.connection in self._held]
            self._cut_some(crowd, self._line.count(crowding), kept=self._crowd * len(crowding))

    expired = make_room

    def _cut_some(self, held: Sequence[_Held], waiting: int, *, kept: int) -> None:
        """Cut those of `held` who are worst, until as many have been cut as are `waiting`, or only `kept` are left."""
        for one in _worst(held, min(waiting - len(self._cut), len(held) - kept)):
            self.end(one.connection)
            self._cut.add(one.connection)
            (self._metrics.uploads_cut if one.upload else self._metrics.answers_cut).value += 1
            one.connection.cut()


def _worst(held: Sequence[_Held], count: int) -> list[_Held]:
    """Choose `count` of `held`, who are in order: each time the first one of the network that has most of them left."""
    networks: dict[str, deque[tuple[int, _Held]]] = {}
    for place, one in enumerate(held if count > 0 else ()):
        networks.setdefault(one.network, deque()).append((place, one))
    heap = [(-len(line), line[0][0], line) for line in networks.values()]
    heapq.heapify(heap)
    chosen: list[_Held] = []
    while len(chosen) < count:
        _, _, line = heapq.heappop(heap)
        chosen.append(line.popleft()[1])
        if line:
            heapq.heappush(heap, (-len(line), line[0][0], line))
    return chosen
