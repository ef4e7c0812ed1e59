"""Starting a server on a processor of its own, waiting until it listens, and ending it with everything it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Self

from bench import machine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

START: Final = 60.0
"""Seconds within which a server must listen; ten thousand routes take a while to read."""


class StartError(Exception):
    """A server did not come up; carries the end of what it said."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def on_processor(cpu: int) -> Iterator[None]:
    """Stay on one processor for a while: what is started meanwhile stays there, with all its threads and children."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Server:
    """A process tree that listens on `port`, pinned to one processor. Use it as a context manager."""

    def __init__(
        self, command: Sequence[str | Path], port: int, cpu: int, folder: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self.port = port
        self._said = folder / "output.log"
        with self._said.open("wb") as output, on_processor(cpu):
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, **(environ or {})},
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        try:
            self._wait_until_listening()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        """The process tree, now."""
        return machine.process_tree(self._process.pid)

    @property
    def said(self) -> str:
        """The end of what the server wrote to its standard streams."""
        lines = self._said.read_text(errors="replace").split("\n")
        return " / ".join(line.strip() for line in lines if line.strip())[-240:]

    def _wait_until_listening(self) -> None:
        for _ in range(int(START / 0.02)):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            with suppress(subprocess.TimeoutExpired):
                status = self._process.wait(0.02)
                raise StartError(f"ended with status {status}: {self.said}")
        raise StartError(f"did not listen within {START:.0f} s: {self.said}")

    def close(self) -> None:
        """End the whole tree: politely, then not."""
        for number, patience in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 10.0)):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        # The leader may have gone before its children.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
