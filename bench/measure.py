"""Taking the figures: all arms of a case in random order, round after round."""

from __future__ import annotations

import gc
import random
from contextlib import ExitStack
from itertools import cycle
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from bench import machine, probes
from bench.load import Load, LoadError
from bench.peers import Unavailable
from bench.process import Server, StartError, free_port
from bench.websocket import Messages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bench.load import Slice
    from bench.peers import Peer
    from bench.spec import Work

CONNECTIONS = 32


class Pace(msgspec.Struct, frozen=True):
    """How long a case is measured. Durations in seconds, for each arm and round."""

    rounds: int
    warm: float
    slice: float


class Arm(msgspec.Struct, frozen=True):
    """One gateway in one configuration, and what it is asked."""

    name: str
    peer: Peer
    work: Work
    requests: Sequence[bytes]
    status: int = 200
    connections: int = CONNECTIONS
    batch: int = 0
    """Requests of a round, every one begun and ended within it; 0: as many as the time of a slice allows. For those
    that are so long that the ones cut by a slice's ends would blur it."""
    handshake: bytes = b""
    """What opens a WebSocket, over which the requests go as messages."""


class Figures(msgspec.Struct):
    """What was measured of one arm; one entry for each round."""

    version: str
    cpu_us: list[float] = []
    """CPU-microseconds for each request."""
    rate: list[float] = []
    """Requests a second that were completed."""
    growth: int | None = None
    """Bytes by which the resident memory of the process tree, at its peak, exceeded what it was before the load."""
    problem: str = ""
    """Why there are no figures, or no more."""

    @property
    def typical(self) -> float:
        """Median CPU-microseconds for each request."""
        return median(self.cpu_us)


def ratios(one: Figures, other: Figures) -> list[float]:
    """Paired within the round, so that a slow spell of the machine hits both."""
    return [a / b for a, b in zip(one.cpu_us, other.cpu_us, strict=False)]


def differences(one: Figures, other: Figures) -> list[float]:
    """CPU-microseconds for each request that one costs more than the other, paired within the round."""
    return [a - b for a, b in zip(one.cpu_us, other.cpu_us, strict=False)]


class Running(msgspec.Struct, frozen=True):
    """An arm that was started, and has shown that it works."""

    arm: Arm
    server: Server
    pool: cycle[bytes]
    rest: int
    """Bytes of resident memory before the load."""


def run(arms: Sequence[Arm], pace: Pace, cpu: int, folder: Path, progress: Callable[[str], None]) -> dict[str, Figures]:
    """Start all arms, prove that they work, measure them; an arm that fails is out, with the reason."""
    figures: dict[str, Figures] = {}
    with ExitStack() as stack:
        ready: list[Running] = []
        for number, arm in enumerate(arms):
            progress(f"starting {arm.name}")
            figures[arm.name] = Figures("")
            try:
                ready.append(_start(arm, cpu, folder / str(number), stack, figures[arm.name]))
            except (Unavailable, StartError, LoadError, probes.ProbeError, OSError) as error:
                figures[arm.name].problem = str(error)
        for number in range(pace.rounds):
            random.shuffle(ready)
            for one in list(ready):
                progress(f"round {number + 1} of {pace.rounds}: {one.arm.name}")
                try:
                    _measure(one, pace, figures[one.arm.name])
                except (LoadError, OSError) as error:
                    figures[one.arm.name].problem = f"in round {number + 1}: {error}"
                    ready.remove(one)
        for one in ready:
            figures[one.arm.name].growth = sum(map(machine.peak_bytes, one.server.pids)) - one.rest
    return figures


def _start(arm: Arm, cpu: int, folder: Path, stack: ExitStack, figures: Figures) -> Running:
    folder.mkdir(parents=True)
    figures.version = arm.peer.version()
    port = free_port()
    launch = arm.peer.prepare(arm.work, port, folder)
    server = stack.enter_context(Server(launch.command, port, cpu, folder, launch.environ))
    if arm.peer.authenticates:
        probes.check(port, arm.work)
    for pid in server.pids:
        machine.forget_peak(pid)
    one = Running(arm, server, cycle(arm.requests), sum(map(machine.resident_bytes, server.pids)))
    # Every request at least once, whatever the answer: caches are warm, the buckets of a limited arm are empty.
    with _load(one, status=0) as load:
        done = 0
        while done < len(arm.requests):
            done += _stretch(load, arm, 0.5).requests
    return one


def _load(one: Running, status: int) -> Load:
    if one.arm.handshake:
        return Messages(one.server.port, one.pool, one.arm.handshake, connections=one.arm.connections)
    tls = None if one.arm.work.tls is None else one.arm.work.tls.client()
    return Load(one.server.port, one.pool, status=status, connections=one.arm.connections, tls=tls)


def _stretch(load: Load, arm: Arm, seconds: float) -> Slice:
    return load.complete(arm.batch) if arm.batch else load.saturate(seconds)


def _measure(one: Running, pace: Pace, figures: Figures) -> None:
    with _load(one, one.arm.status) as load:
        gc.collect()
        gc.disable()  # the load generator's own pauses are nobody's latency
        try:
            if not one.arm.batch:
                load.saturate(pace.warm)
            pids = one.server.pids
            before = machine.cpu_seconds(pids)
            done = _stretch(load, one.arm, pace.slice)
            spent = machine.cpu_seconds(pids) - before
        finally:
            gc.enable()
    if not done.requests:
        raise LoadError("no request was completed")
    figures.cpu_us.append(spent / done.requests * 1e6)
    figures.rate.append(done.requests / done.seconds)
