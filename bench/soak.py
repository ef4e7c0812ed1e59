"""Thirty minutes of mixed load, to see whether memory and descriptors stay flat."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from bench import machine, requests, tokens, upstream
from bench.load import Load
from bench.peers import Ostiary
from bench.process import Server, free_port
from bench.spec import Work
from bench.tokens import SigningKey

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

SLICE = 1.0
"""Seconds of each kind of load before the next one's turn."""
GROWTH = 0.03
"""Share by which the last quarter's memory may exceed the second quarter's and still be called flat."""
SLACK = 1_000_000
"""Bytes of growth that are never called growth: an allocator's arena."""


class Sample(msgspec.Struct, frozen=True):
    """What the whole process tree holds."""

    second: float
    resident: int
    files: int
    requests: int


def flat(samples: list[Sample]) -> bool:
    """Compare the last quarter of the run with its second quarter; the first is warm-up.

    Descriptors come and go with the load's connections, so that a leak shows in the fewest of them.
    """
    size = len(samples) // 4
    if not size:
        return False
    early, late = samples[size : 2 * size], samples[-size:]
    before, after = (median(sample.resident for sample in part) for part in (early, late))
    files = min(sample.files for sample in late) <= min(sample.files for sample in early) + 4
    return files and after - before <= max(before * GROWTH, SLACK)


def mixture() -> tuple[SigningKey, list[tuple[str, list[bytes], int]]]:
    """Kinds of load: name, requests, expected status."""
    key = SigningKey.generate("ES256")
    good = tokens.make(key, 500)
    many = tokens.make(key, 12_000)
    strangers = [key.sign(tokens.claims(i) | {"scope": "profile"}) for i in range(100)]
    return key, [
        ("seen tokens", requests.pool(good), 200),
        ("new tokens", requests.pool(many), 200),
        ("1 MiB down", requests.pool(good, "/service-0000/download/1m"), 200),
        ("1 MiB up", requests.pool(good[:4], "/service-0000/upload/x", b"x" * (1 << 20)), 200),
        ("no token", [requests.render(None)], 401),
        ("wrong signature", requests.pool([tokens.tampered(token) for token in good]), 401),
        ("missing scope", requests.pool(strangers), 403),
        ("no route", requests.pool(good, "/nowhere/{item}"), 404),
    ]


def run(minutes: float, cpus: tuple[int, int], folder: Path, console: Console) -> list[Sample]:
    """Load one worker for `minutes`, connections renewed at every turn; prints a line a minute."""
    key, kinds = mixture()
    samples: list[Sample] = []
    with upstream.start(cpus[1], folder / "upstream") as service:
        own = folder / "ostiary"
        own.mkdir()
        port = free_port()
        work = Work(key=key, upstream=service.port, log=True, cached_tokens=4_000)
        launch = Ostiary().prepare(work, port, own)
        with Server(launch.command, port, cpus[0], own, launch.environ) as server:
            start = said = time.monotonic()
            done = 0
            while (elapsed := time.monotonic() - start) < minutes * 60:
                for _, pool, status in kinds:
                    with Load(port, pool, status=status) as load:
                        done += load.saturate(SLICE).requests
                samples.append(_sample(server.pids, elapsed, done))
                if time.monotonic() - said > 60 or len(samples) == 1:
                    said = time.monotonic()
                    console.print(_line(samples[-1]))
    console.print(_line(samples[-1]))
    return samples


def _sample(pids: list[int], elapsed: float, done: int) -> Sample:
    return Sample(
        elapsed, sum(machine.resident_bytes(pid) for pid in pids), sum(machine.open_files(pid) for pid in pids), done
    )


def _line(sample: Sample) -> str:
    held = f"{sample.resident / 1e6:7.1f} MB  {sample.files:4} files"
    return f"{sample.second / 60:5.1f} min  {held}  {sample.requests:,} requests"
