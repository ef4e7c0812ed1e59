"""What a worker takes: time to start, memory at rest, bytes for each cached token."""

from __future__ import annotations

import time
from contextlib import suppress
from http.client import HTTPException
from typing import TYPE_CHECKING

import msgspec

from bench import machine, probes, requests, tokens
from bench.load import Load
from bench.peers import Ostiary
from bench.process import Server, free_port
from bench.tokens import SigningKey

if TYPE_CHECKING:
    from pathlib import Path

    from bench.cases import Ground

FEW, MANY = 2_000, 20_000
"""Tokens in the cache at the first weighing and at the second."""


class Footprint(msgspec.Struct, frozen=True):
    """Of one worker."""

    startup: float
    """Seconds from `ostiary serve` to the first answer."""
    worker_startup: float
    """Seconds from the worker's exec to that answer."""
    rest: float
    """Resident MB (10^6 bytes) after the first answer; pages shared with other processes count."""
    loaded: float
    """Resident MB after load with a full cache of tokens."""
    token: float
    """Bytes for each cached token, the allocator's share included."""


def weigh(ground: Ground, cpu: int, folder: Path) -> Footprint:
    """Start one worker and weigh it. ES256 signs fast, and no cache entry holds a signature."""
    folder.mkdir(parents=True)
    key = SigningKey.generate("ES256")
    work = msgspec.structs.replace(ground.work(), key=key, cached_tokens=2 * MANY)
    pool = requests.pool(tokens.make(key, MANY))
    port = free_port()
    launch = Ostiary().prepare(work, port, folder)
    started = time.clock_gettime(time.CLOCK_BOOTTIME)
    with Server(launch.command, port, cpu, folder, launch.environ) as server:
        _await_answer(port, key)
        answered = time.clock_gettime(time.CLOCK_BOOTTIME)
        # The worker is the one that has worked: whatever its name, it has the most CPU time once there was load.
        rest = {pid: machine.resident_bytes(pid) for pid in server.pids}
        _pass(port, pool[:FEW], 5)
        worker = max(rest, key=lambda pid: machine.cpu_seconds([pid]))
        few = machine.resident_bytes(worker)
        _pass(port, pool[FEW:], 1)
        many = machine.resident_bytes(worker)
        born = machine.started_at(worker)
    return Footprint(
        startup=answered - started,
        worker_startup=answered - born,
        rest=rest[worker] / 1e6,
        loaded=many / 1e6,
        token=(many - few) / (MANY - FEW),
    )


def _await_answer(port: int, key: SigningKey) -> None:
    token = key.sign(tokens.claims(1))
    for _ in range(6_000):
        with suppress(OSError, HTTPException):
            if probes.ask(port, token).status == 200:
                return
        time.sleep(0.005)  # noqa: TID251 - nothing tells from outside when a worker is ready
    raise probes.ProbeError("no good answer within 30 s")


def _pass(port: int, pool: list[bytes], times: int) -> None:
    """Send each request `times` times, roughly."""
    with Load(port, pool) as load:
        done = 0
        while done < len(pool) * times:
            done += load.saturate(0.05).requests
