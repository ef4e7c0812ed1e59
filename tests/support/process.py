"""Real servers as child processes that never outlive the tests, whose output is kept and can be waited for."""

from __future__ import annotations

import os
import subprocess
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Self

from ostiary.tied import tied

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

_LOG_LINES: Final = 400


class ServerFailed(Exception):
    """A server ended, or said nothing, when it should have become ready. The text ends with its output."""


class Child:
    """A running server. Its standard output and error are read continuously, so that it never blocks on them.

    `stderr` may be a descriptor of the test's own instead. The server gets SIGTERM when the test process dies, however
    that came about. As a context manager it is stopped at the end.
    """

    def __init__(
        self,
        arguments: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        stderr: int = subprocess.STDOUT,
    ) -> None:
        self._name = " ".join(map(str, arguments))
        self._lines: deque[str] = deque(maxlen=_LOG_LINES)
        self._changed = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            tied(map(str, arguments)),
            cwd=cwd,
            env={**os.environ, **(env or {})},
            pass_fds=pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.poll()

    @property
    def log(self) -> str:
        """The last lines that it wrote."""
        with self._changed:
            return "\n".join(self._lines)

    def wait_for(self, text: str, seconds: float = 20.0) -> str:
        """Return the first line that contains `text`, as soon as it is written. Raises `ServerFailed`."""
        found: list[str] = []

        def look() -> bool:
            found.extend(line for line in self._lines if text in line)
            return bool(found) or self._ended

        with self._changed:
            self._changed.wait_for(look, seconds)
        if not found:
            how = "ended without saying" if self._ended else f"did not say within {seconds:g} s"
            raise ServerFailed(f"{self._name} {how} {text!r}:\n{self.log}")
        return found[0]

    def wait(self, seconds: float = 10.0) -> int:
        """Return the exit code once it has ended. Raises `subprocess.TimeoutExpired`."""
        return self._process.wait(seconds)

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def stop(self, seconds: float = 5.0) -> None:
        """Ask it to end, insist after `seconds`, and collect it."""
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        output = self._process.stdout
        if output is None:
            raise AssertionError  # it was asked for above
        with output:
            for line in output:
                with self._changed:
                    self._lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
