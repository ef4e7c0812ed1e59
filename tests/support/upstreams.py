"""Upstreams of several targets, for the tests of how they are chosen and spared."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from ostiary.config.model import Upstream
from ostiary.observe.metrics import Metrics
from ostiary.proxy.deadlines import Deadlines
from ostiary.proxy.pool import UpstreamPool
from tests.support.moments import Moments, unexpected
from tests.support.recording import RecordingUpstream, recording_upstream
from tests.support.wire import wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.support.wire import Wire


def pool(count: int, clock: Moments | None = None, **settings: object) -> UpstreamPool:
    """Return a pool with that many targets, to which it does not connect by itself."""
    clock = clock or Moments()
    targets = [f"http://target-{number}:80" for number in range(count)]
    deadlines = Deadlines(asyncio.get_running_loop(), clock, unexpected)
    upstream = Upstream.model_validate({"targets": targets, **settings})
    return UpstreamPool(upstream, deadlines, Metrics().upstream("api"), clock)


@contextmanager
def refusing() -> Iterator[str]:
    """The address of a target that refuses every connection, and whose port nobody else gets meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@asynccontextmanager
async def several(folder: Path, good: int, bad: int = 0, **settings: object) -> AsyncIterator[Several]:
    """A gateway in front of one upstream with `good` recording targets, behind `bad` ones that refuse."""
    async with asyncio.timeout(20), _recording(good) as recordings:
        with _all_refusing(bad) as refused:
            targets = [*refused, *(recording.url for recording in recordings)]
            async with wire(folder, upstream={"targets": targets, "health": {}, "circuit": {}, **settings}) as gate:
                yield Several(gate, recordings)


class Several:
    """What `several` yields."""

    def __init__(self, gate: Wire, recordings: list[RecordingUpstream]) -> None:
        self.gate = gate
        self.recordings = recordings

    @property
    def pool(self) -> UpstreamPool:
        return self.gate.running.gateway._pools["api"]

    @property
    def counts(self) -> list[int]:
        """How many requests each good target got."""
        return [len(recording.requests) for recording in self.recordings]

    async def statuses(self, count: int, method: str = "GET") -> list[int]:
        """Send requests one after the other, on one connection, and return the statuses of their answers."""
        async with self.gate.connect() as client:
            return [(await client.ask(method, "/")).status for _ in range(count)]

    def metric(self, name: str, *labels: str) -> float:
        """Return a value of the metrics whose first label is the upstream."""
        return self.gate.running.metrics.snapshot().values[f"ostiary_upstream_{name}"]["api", *labels]


@contextmanager
def _all_refusing(count: int) -> Iterator[list[str]]:
    if not count:
        yield []
        return
    with refusing() as url, _all_refusing(count - 1) as others:
        yield [url, *others]


@asynccontextmanager
async def _recording(count: int) -> AsyncIterator[list[RecordingUpstream]]:
    if not count:
        yield []
        return
    async with recording_upstream() as one, _recording(count - 1) as others:
        yield [one, *others]
