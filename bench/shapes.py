"""Shapes of traffic that hold connections: idle ones, slow ones, short ones. ``python -m bench shapes``."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

import msgspec

from bench import machine, plain_service
from bench.crowd import AN_ADDRESS, Crowd, connect
from bench.load import Load, LoadError
from bench.plain_service import ANSWER
from bench.process import Server, free_port, on_processor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console

IDLE: Final = 10_000
WEBSOCKETS: Final = 5_000
ATTACKERS: Final = 1_000
CHURN: Final = 10_000
"""Connections of one round of churn, of which there are three."""
ROUNDS: Final = 3
RATE: Final = 300.0
"""Honest requests a second."""
SECONDS: Final = 5.0
"""Of each stretch of honest requests."""
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
    """Honest requests' 99th percentile in ms, with and without; the ratio is the median of those of the rounds."""

    quiet: list[float]
    attacked: list[float]

    @property
    def ratio(self) -> float:
        """Of two stretches that follow one another."""
        return median(b / a for a, b in zip(self.quiet, self.attacked, strict=True))


class Churned(msgspec.Struct, frozen=True):
    """Descriptors and resident bytes of the worker after each round."""

    files: list[int]
    resident: list[int]


class Shapes(msgspec.Struct):
    """The results; each is absent until it was measured."""

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
    """Measure every shape, each with a gateway of its own."""
    _more_files()
    results = Shapes()
    with ExitStack() as stack:
        service = free_port()
        stack.enter_context(Server([sys.executable, plain_service.__file__, str(service)], service, cpus[1], folder))
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
    found = Attacked([], [])
    for _ in range(ROUNDS):
        found.quiet.append(_honest(worker.port))
        with _attack(kind, worker.port, an_address, cpu):
            found.attacked.append(_honest(worker.port))
    return found


def churned(worker: Worker) -> Churned:
    """Open and end connections in every way there is; the first round is warm-up."""
    found = Churned([], [])
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


def _held_line(what: str, found: Held) -> str:
    return f"{found.connections:,} {what}: {found.each:,.0f} bytes each, {found.resident:.0f} MB resident in all"


def _attacked_line(what: str, found: Attacked) -> str:
    quiet, slow = median(found.quiet), median(found.attacked)
    return f"{what}, {ATTACKERS} connections: p99 {quiet:.2f} ms -> {slow:.2f} ms, ratio {found.ratio:.2f} (bar 2)"


def _mega(sizes: list[int]) -> str:
    return ", ".join(f"{size / 1e6:.1f}" for size in sizes) + " MB"
