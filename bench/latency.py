"""The latency that the gateway adds, at half of the load it can carry."""

from __future__ import annotations

import gc
from statistics import median, quantiles
from typing import TYPE_CHECKING

import msgspec

from bench import requests
from bench.load import Load
from bench.peers import Ostiary
from bench.process import Server, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from bench.cases import Ground
    from bench.measure import Pace


class Added(msgspec.Struct, frozen=True):
    """Milliseconds through the gateway minus milliseconds to the upstream at the same rate, medians of the rounds."""

    rate: float
    """Requests a second."""
    p50: float
    p99: float
    gateway_p50: float
    gateway_p99: float


def added(ground: Ground, maximum: float, pace: Pace, cpu: int, folder: Path) -> Added:
    """Open loop at half of `maximum` requests a second: latencies count from when a request was due."""
    folder.mkdir(parents=True)
    port = free_port()
    pool = requests.pool(ground.tokens())
    launch = Ostiary().prepare(ground.work(), port, folder)
    through: list[tuple[float, float]] = []
    extra: list[tuple[float, float]] = []
    with Server(launch.command, port, cpu, folder, launch.environ) as server:
        for _ in range(pace.rounds):
            direct = _percentiles(ground.upstream, pool, maximum / 2, pace)
            here = _percentiles(server.port, pool, maximum / 2, pace)
            through.append(here)
            extra.append((here[0] - direct[0], here[1] - direct[1]))
    return Added(
        maximum / 2,
        *(median(values) for values in zip(*extra, strict=True)),
        *(median(values) for values in zip(*through, strict=True)),
    )


def _percentiles(port: int, pool: list[bytes], rate: float, pace: Pace) -> tuple[float, float]:
    """p50 and p99 in milliseconds."""
    with Load(port, pool, connections=64) as load:
        load.saturate(pace.warm)
        load.settle()
        gc.collect()
        gc.disable()
        try:
            cuts = quantiles(load.paced(rate, 2 * pace.slice), n=100)
        finally:
            gc.enable()
    return cuts[49] * 1e3, cuts[98] * 1e3
