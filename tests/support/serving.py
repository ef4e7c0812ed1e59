"""`ostiary serve` as a user runs it: a process tree of its own, from a configuration file."""

from __future__ import annotations

import os
import re
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, cast
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import msgspec
import yaml

from ostiary.demo.loopback import bind, port_of
from tests.support.process import Child, ServerFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.documents import Document


_POLL: Final = 0.02


class Served(msgspec.Struct, frozen=True):
    """A gateway whose workers all listen."""

    port: int
    admin_port: int
    child: Child

    def admin(self, path: str) -> bytes:
        """Return what the admin listener answers with 200."""
        with urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=10) as answer:
            return bytes(answer.read())

    def until_ready(self, seconds: float = 10.0) -> bytes:
        """Return the first good answer of ``/health/ready``: workers say how they are a moment after they listen."""
        pause = threading.Event()
        for _ in range(int(seconds / _POLL)):
            with suppress(HTTPError, ConnectionRefusedError, URLError):
                return self.admin("/health/ready")
            pause.wait(_POLL)
        raise ServerFailed(f"not ready after {seconds:g} s:\n{self.child.log}")

    def metrics(self) -> dict[str, float]:
        """Return every sample of ``/metrics`` by its name and labels as written."""
        lines = self.admin("/metrics").decode().splitlines()
        samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}


@contextmanager
def serving_unheard(document: Document, folder: Path) -> Iterator[Served]:
    """Run it with a standard error that nobody reads, and that is full already; so it is told where to listen."""
    with bind() as free, bind() as other:
        port, admin_port = port_of(free), port_of(other)
    server = cast("Document", document["server"]) | {"listen": f"127.0.0.1:{port}"}
    document |= {"server": server, "admin": {"listen": f"127.0.0.1:{admin_port}"}}
    path = folder / "ostiary.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    unread, full = os.pipe()
    os.set_blocking(full, False)
    with suppress(BlockingIOError):
        while True:
            os.write(full, bytes(1024))
    os.set_blocking(full, True)
    try:
        with Child([sys.executable, "-m", "ostiary", "serve", "--config", path], cwd=folder, stderr=full) as child:
            yield Served(port, admin_port, child)
    finally:
        os.close(full)
        os.close(unread)


@contextmanager
def serving(document: Document, folder: Path, *, environ: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Run the gateway of `document` for as long as the block lasts. Raises `ServerFailed` with what it said."""
    path = folder / "ostiary.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    with Child([sys.executable, "-m", "ostiary", "serve", "--config", path], cwd=folder, env=environ) as child:
        yield Served(_port(child, "gateway"), _port(child, "admin"), child)


def _port(child: Child, name: str) -> int:
    line = child.wait_for(f"  {name} ")
    found = re.search(r"https?://127\.0\.0\.1:(\d+)", line)
    if found is None:
        raise AssertionError(line)
    return int(found[1])
