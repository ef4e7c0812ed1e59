"""Shapes of traffic that hold connections: idle ones, slow ones, short ones. ``python -m bench shapes``."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

import msgspec

from bench import machine, revision, upstream
from bench.crowd import AN_ADDRESS, Crowd, connect
from bench.load import Load, LoadError
from bench.plain_service import ANSWER
from bench.process import Server, free_port, on_processor
from bench.report import place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console

IDLE: Final = 10_000
WEBSOCKETS: Final = 5_000
ATTACKERS: Final = 1_000
CHURN: Final = 10_000
"""Connections of one round of churn, of which there are four."""
ROUNDS: Final = 3
RATE: Final = 300.0
"""Honest requests a second."""
SECONDS: Final = 5.0
"""Of each stretch of honest requests."""
BAR: Final = 2.0
"""What honest requests' 99th percentile may be during an attack, in multiples of what it is without."""
GET: Final = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
UPGRADE: Final = (
    b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: c2l4dGVlbiBvY3RldHMhIQ==\r\n\r\n"
)
MASKED: Final = b"\x82\x81\x00\x00\x00\x00x"


class Held(msgspec.Struct, frozen=True):
    """What connections that do nothing take of one worker: resident bytes each; the kernel's share is not in it."""

    connections: int
    each: float
    resident: float


class Attacked(msgspec.Struct, frozen=True):
    """Honest requests' 99th percentile in ms: in each round twice without the attack, then with it."""

    quiet: list[float]
    again: list[float]
    attacked: list[float]

    @property
    def ratios(self) -> list[float]:
        """Of the attacked stretch of each round to the quiet one just before it."""
        return [b / a for a, b in zip(self.again, self.attacked, strict=True)]

    @property
    def noise(self) -> list[float]:
        """The same of the two quiet ones: what such a ratio is where nothing has changed."""
        return [b / a for a, b in zip(self.quiet, self.again, strict=True)]


class Churned(msgspec.Struct, frozen=True):
    """Descriptors and resident bytes of the worker: before, and after each round."""

    files: list[int]
    resident: list[int]


class Shapes(msgspec.Struct):
    """One run, as it is written to JSON; each shape is absent until it was measured."""

    when: datetime
    machine: dict[str, str]
    commit: str
    busy: float
    """The load average of the minute before: what else ran on the machine."""
    seconds: float = 0.0
    idle: Held | None = None
    websockets: Held | None = None
    loris: Attacked | None = None
    readers: Attacked | None = None
    """From two addresses."""
    readers_here: Attacked | None = None
    """From the honest client's own address."""
    readers_everywhere: Attacked | None = None
    """From a thousand addresses."""
    churn: Churned | None = None


class Worker(msgspec.Struct, frozen=True):
    """The one worker of a running gateway."""

    port: int
    pid: int

    @property
    def resident(self) -> int:
        """Resident bytes, now."""
        return machine.resident_bytes(self.pid)


def run(cpus: tuple[int, int], folder: Path, console: Console) -> Shapes:
    """Measure every shape, each with a gateway of its own. Raises `LoadError`, `OSError`, `StartError`."""
    _more_files()
    start = time.monotonic()
    results = Shapes(datetime.now(UTC), machine.describe(), revision.known(), os.getloadavg()[0])
    with upstream.start_plain(cpus[1], folder / "plain") as plain:
        service = plain.port
        with _gateway(cpus[0], service, folder) as worker:
            results.idle = held(worker, IDLE, [(GET, ANSWER[-4:])])
        console.print(_held_line("idle keep-alive connections", results.idle))
        with _gateway(cpus[0], service, folder) as worker:
            results.websockets = held(worker, WEBSOCKETS, [(UPGRADE, b"\r\n\r\n"), (MASKED, MASKED)])
        console.print(_held_line("idle WebSockets", results.websockets))
        with _gateway(cpus[0], service, folder) as worker:
            results.loris = attacked(worker, "loris", AN_ADDRESS, cpus[1])
            console.print(_attacked_line("slow-loris", results.loris))
            results.readers = attacked(worker, "reader", AN_ADDRESS, cpus[1])
            console.print(_attacked_line("slow-read", results.readers))
            results.readers_here = attacked(worker, "reader", 0, cpus[1])
            console.print(_attacked_line("slow-read from the honest client's address", results.readers_here))
            results.readers_everywhere = attacked(worker, "reader", 1, cpus[1])
            console.print(_attacked_line("slow-read from an address each", results.readers_everywhere))
        with _gateway(cpus[0], service, folder) as worker:
            results.churn = churned(worker)
        console.print(f"churn, {CHURN} a round: files {results.churn.files}, resident {_mega(results.churn.resident)}")
    results.seconds = time.monotonic() - start
    return results


def held(worker: Worker, count: int, talk: list[tuple[bytes, bytes]]) -> Held:
    """Weigh `count` connections after each has talked; then the last message once more: all of them are still there."""
    before = worker.resident
    with Crowd(worker.port, count, talk) as crowd:
        after = worker.resident
        crowd.converse(*talk[-1])
    return Held(count, (after - before) / count, after / 1e6)


def attacked(worker: Worker, kind: str, an_address: int, cpu: int) -> Attacked:
    """Measure honest requests in turn without and with an attack; `an_address` is that of `connect`."""
    found = Attacked([], [], [])
    for _ in range(ROUNDS):
        found.quiet.append(_honest(worker.port))
        found.again.append(_honest(worker.port))
        with _attack(kind, worker.port, an_address, cpu):
            found.attacked.append(_honest(worker.port))
    return found


def churned(worker: Worker) -> Churned:
    """Open and end connections in every way there is; the first round is warm-up."""
    found = Churned([machine.open_files(worker.pid)], [worker.resident])
    for _ in range(4):
        for number in range(CHURN):
            with connect(worker.port, number) as connection:
                match number % 4:
                    case 0:
                        connection.sendall(GET)
                        connection.recv(4096)
                    case 1:
                        connection.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                        while connection.recv(4096):
                            pass
                    case 2:
                        connection.sendall(GET)
                    case _:
                        connection.sendall(GET[:12])
        _honest(worker.port)  # and whatever is still under way ends
        found.files.append(machine.open_files(worker.pid))
        found.resident.append(worker.resident)
    return found


def _honest(port: int) -> float:
    with Load(port, [GET], connections=16) as load:
        latencies = load.paced(RATE, SECONDS)
    return quantiles(latencies, n=100)[98] * 1e3


@contextmanager
def _attack(kind: str, port: int, an_address: int, cpu: int) -> Iterator[None]:
    arguments = [kind, str(port), str(ATTACKERS), str(an_address)]
    with on_processor(cpu):
        attacker = subprocess.Popen([sys.executable, "-m", "bench.slow", *arguments], stdout=subprocess.PIPE)
    try:
        if attacker.stdout is None or attacker.stdout.readline() != b"ready\n":
            raise LoadError(f"no {kind} attack came about")
        yield
    finally:
        attacker.kill()
        attacker.communicate()


@contextmanager
def _gateway(cpu: int, service: int, folder: Path) -> Iterator[Worker]:
    port = free_port()
    config = folder / "ostiary.yaml"
    config.write_text(json.dumps(configuration(port, service)))
    with Server([sys.executable, "-m", "ostiary", "serve", "--config", config], port, cpu, folder) as server:
        with Crowd(port, 50, [(GET, ANSWER[-4:])] * 40):
            worker = max(server.pids, key=machine.open_files)  # the one that holds the connections
        yield Worker(port, worker)


def configuration(port: int, service: int) -> dict[str, object]:
    """One worker that lets everybody through, at its defaults but for one: connections may idle for the whole run."""
    return {
        "server": {"listen": f"127.0.0.1:{port}", "workers": 1, "timeouts": {"idle": "10m"}},
        "admin": {"listen": "127.0.0.1:0"},
        "upstreams": {"service": {"targets": [f"http://127.0.0.1:{service}"]}},
        "routes": [
            {"name": "ws", "match": {"path": "/ws"}, "upstream": "service", "anonymous": True, "websocket": True},
            {"name": "all", "match": {"path": "/**"}, "upstream": "service", "anonymous": True},
        ],
        "observe": {"access_log": {"mode": "off"}},
    }


def _more_files() -> None:
    """Let this process and what it starts hold as many descriptors as it may, or say that it may not."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < 2 * WEBSOCKETS + 500:
        raise LoadError(f"ulimit -n allows {most} descriptors; {2 * WEBSOCKETS + 500} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def markdown(results: Shapes) -> str:
    """The whole run as one page."""
    held = (("keep-alive connections", results.idle), ("WebSockets", results.websockets))
    attacks = (
        ("slow-loris", results.loris),
        ("slow-read, from two addresses", results.readers),
        ("slow-read, from the honest client's address", results.readers_here),
        ("slow-read, from an address each", results.readers_everywhere),
    )
    lines = [
        "# Shapes",
        "",
        f"{results.when:%d %B %Y, %H:%M} UTC, commit {results.commit}, {results.seconds / 60:.0f} minutes in all.",
        place(results.machine),
        f"The load average of the minute before was {results.busy:.1f}.",
        "",
        "One worker; `bench/README.md` says how it is done.",
        "",
        "## Idle",
        "",
        "| open and idle | bytes of the worker each | the worker holds, MB |",
        "|---|---|---|",
        *(
            f"| {found.connections:,} {what} | {found.each:,.0f} | {found.resident:.0f} |"
            for what, found in held
            if found
        ),
        "",
        f"## {ATTACKERS:,} slow connections",
        "",
        f"The 99th percentile of {RATE:g} honest requests a second: the median of {ROUNDS} rounds, in brackets each.",
        "The noise is the same ratio of two stretches without an attack.",
        "",
        "| attack | p99 quiet, ms | p99 attacked, ms | ratio | noise | bar | |",
        "|---|---|---|---|---|---|---|",
        *(_attacked_row(what, found) for what, found in attacks if found),
        "",
        "## Churn",
        "",
    ]
    return "\n".join(lines + _churned_table(results.churn)) + "\n"


def _attacked_row(what: str, found: Attacked) -> str:
    figures = " | ".join(map(_all, (found.again, found.attacked, found.ratios, found.noise)))
    return f"| {what} | {figures} | ≤ {BAR:g} | {'bar held' if median(found.ratios) <= BAR else 'MISSED'} |"


def _all(values: list[float]) -> str:
    return f"{median(values):.2f} ({', '.join(f'{value:.2f}' for value in values)})"


def _churned_table(found: Churned | None) -> list[str]:
    rows = zip(found.files, found.resident, strict=True) if found else ()
    return [
        "| connections made and ended | descriptors | the worker holds, MB |",
        "|---|---|---|",
        *(f"| {CHURN * i:,} | {files} | {resident / 1e6:.1f} |" for i, (files, resident) in enumerate(rows)),
    ]


def _held_line(what: str, found: Held) -> str:
    return f"{found.connections:,} {what}: {found.each:,.0f} bytes each, {found.resident:.0f} MB resident in all"


def _attacked_line(what: str, found: Attacked) -> str:
    quiet, slow = median(found.again), median(found.attacked)
    ratio = median(found.ratios)
    return f"{what}, {ATTACKERS} connections: p99 {quiet:.2f} ms -> {slow:.2f} ms, ratio {ratio:.2f} (bar {BAR:g})"


def _mega(sizes: list[int]) -> str:
    return ", ".join(f"{size / 1e6:.1f}" for size in sizes) + " MB"
