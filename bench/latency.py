"""The latency that the gateway adds, at half of the load it can carry.

A machine that is taken away from its guest for some milliseconds, again and again, shows tails that are nobody's doing.
So the same load goes straight to the upstream, through the gateway and through nginx in its place, in turn: what nginx
adds is what the machine makes any proxy add. And what the gateway can carry is found out anew in each round: half of
what it carried in a better hour may be more than all that it can carry now.
"""

from __future__ import annotations

import gc
from contextlib import ExitStack
from statistics import median, quantiles
from typing import TYPE_CHECKING

import msgspec

from bench import requests
from bench.load import Load
from bench.peers import Nginx, Ostiary, Unavailable
from bench.process import Server, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from bench.cases import Ground
    from bench.measure import Pace
    from bench.peers import Peer


class Percentiles(msgspec.Struct, frozen=True):
    """Milliseconds."""

    p50: float
    p99: float


class Added(msgspec.Struct, frozen=True):
    """Medians of the rounds. What was added is the difference to the upstream alone in the same round."""

    rate: float
    """Requests a second, half of what the gateway carried in the same round."""
    added: Percentiles
    through: Percentiles
    nginx_added: Percentiles | None
    """What nginx added; None where it is not installed."""


def added(ground: Ground, pace: Pace, cpu: int, folder: Path) -> Added:
    """Open loop at half of the maximum: latencies count from when a request was due."""
    rates: list[float] = []
    pool = requests.pool(ground.tokens())
    found: dict[str, list[Percentiles]] = {"upstream": []}
    with ExitStack() as stack:
        ports = {"upstream": ground.upstream}
        for peer in (Ostiary(), Nginx()):
            try:
                ports[peer.name] = _start(peer, ground, cpu, folder / str(len(ports)), stack)
            except Unavailable:
                continue
            found[peer.name] = []
        for _ in range(pace.rounds):
            rates.append(_maximum(ports["Ostiary"], pool, pace) / 2)
            for name, port in ports.items():
                found[name].append(_percentiles(port, pool, rates[-1], pace))
    direct = found["upstream"]
    nginx = found.get(Nginx.name)
    return Added(
        median(rates),
        _middle(_more(found["Ostiary"], direct)),
        _middle(found["Ostiary"]),
        _middle(_more(nginx, direct)) if nginx else None,
    )


def _start(peer: Peer, ground: Ground, cpu: int, folder: Path, stack: ExitStack) -> int:
    folder.mkdir(parents=True)
    port = free_port()
    launch = peer.prepare(ground.work(), port, folder)
    stack.enter_context(Server(launch.command, port, cpu, folder, launch.environ))
    return port


def _maximum(port: int, pool: list[bytes], pace: Pace) -> float:
    """Requests a second, as many as the gateway can carry now."""
    with Load(port, pool, connections=64) as load:
        load.saturate(pace.warm)
        carried = load.saturate(pace.slice)
        load.settle()
    return carried.requests / carried.seconds


def _percentiles(port: int, pool: list[bytes], rate: float, pace: Pace) -> Percentiles:
    with Load(port, pool, connections=64) as load:
        load.saturate(pace.warm)
        load.settle()
        gc.collect()
        gc.disable()
        try:
            cuts = quantiles(load.paced(rate, 2 * pace.slice), n=100)
        finally:
            gc.enable()
    return Percentiles(cuts[49] * 1e3, cuts[98] * 1e3)


def _more(one: list[Percentiles], other: list[Percentiles]) -> list[Percentiles]:
    return [Percentiles(a.p50 - b.p50, a.p99 - b.p99) for a, b in zip(one, other, strict=True)]


def _middle(found: list[Percentiles]) -> Percentiles:
    return Percentiles(median(one.p50 for one in found), median(one.p99 for one in found))
