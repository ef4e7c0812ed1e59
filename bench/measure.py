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

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence
    from pathlib import Path

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


class Figures(msgspec.Struct):
    """What was measured of one arm; one entry for each round."""

    version: str
    cpu_us: list[float] = []
    """CPU-microseconds for each request."""
    rate: list[float] = []
    """Requests a second that were completed."""
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


def run(arms: Sequence[Arm], pace: Pace, cpu: int, folder: Path, progress: Callable[[str], None]) -> dict[str, Figures]:
    """Start all arms, prove that they work, measure them; an arm that fails is out, with the reason."""
    figures: dict[str, Figures] = {}
    with ExitStack() as stack:
        ready: list[tuple[Arm, Server, cycle[bytes]]] = []
        for number, arm in enumerate(arms):
            progress(f"starting {arm.name}")
            figures[arm.name] = Figures("")
            try:
                pool = cycle(arm.requests)
                ready.append((arm, _start(arm, pool, cpu, folder / str(number), stack, figures[arm.name]), pool))
            except (Unavailable, StartError, LoadError, probes.ProbeError, OSError) as error:
                figures[arm.name].problem = str(error)
        for number in range(pace.rounds):
            random.shuffle(ready)
            for arm, server, pool in list(ready):
                progress(f"round {number + 1} of {pace.rounds}: {arm.name}")
                try:
                    _measure(arm, server, pool, pace, figures[arm.name])
                except (LoadError, OSError) as error:
                    figures[arm.name].problem = f"in round {number + 1}: {error}"
                    ready.remove((arm, server, pool))
    return figures


def _start(arm: Arm, pool: cycle[bytes], cpu: int, folder: Path, stack: ExitStack, figures: Figures) -> Server:
    folder.mkdir(parents=True)
    figures.version = arm.peer.version()
    port = free_port()
    launch = arm.peer.prepare(arm.work, port, folder)
    server = stack.enter_context(Server(launch.command, port, cpu, folder, launch.environ))
    if arm.peer.authenticates:
        probes.check(port, arm.work)
    # Every request at least once, whatever the answer: caches are warm, the buckets of a limited arm are empty.
    with Load(port, pool, status=0, connections=CONNECTIONS, tls=_client(arm)) as load:
        done = 0
        while done < len(arm.requests):
            done += load.saturate(0.5).requests
    return server


def _client(arm: Arm) -> ssl.SSLContext | None:
    return None if arm.work.tls is None else arm.work.tls.client()


def _measure(arm: Arm, server: Server, pool: cycle[bytes], pace: Pace, figures: Figures) -> None:
    with Load(server.port, pool, status=arm.status, connections=CONNECTIONS, tls=_client(arm)) as load:
        gc.collect()
        gc.disable()  # the load generator's own pauses are nobody's latency
        try:
            load.saturate(pace.warm)
            pids = server.pids
            before = machine.cpu_seconds(pids)
            done = load.saturate(pace.slice)
            spent = machine.cpu_seconds(pids) - before
        finally:
            gc.enable()
    if not done.requests:
        raise LoadError("no request was completed")
    figures.cpu_us.append(spent / done.requests * 1e6)
    figures.rate.append(done.requests / done.seconds)
