"""Where log lines end up. Everything here runs in the writer's thread and may block."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from ostiary.observe.line import MAX_LINE

_STREAMS: Final = {"-": 1, "stdout": 1, "stderr": 2}
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
_MODE: Final = 0o640
"""Log lines name callers: not for everybody's eyes."""


class Sink:
    """A file that is appended to, or a standard stream (``-``, ``stdout``, ``stderr``).

    Several workers share a sink: a file is appended to in whole lines, and a pipe gets no more at once than it takes in
    one piece. A file that was moved away, as log rotation does, is opened anew under its name. Opening raises OSError.
    """

    def __init__(self, target: str) -> None:
        self._path = None if target in _STREAMS else Path(target)
        self._fd = _open(self._path) if self._path else _STREAMS[target]
        self._is_pipe = stat.S_ISFIFO(os.fstat(self._fd).st_mode)
        self._torn = False

    def write(self, lines: list[bytes]) -> int:
        """Write `lines` and return how many of them were lost."""
        if self._path:
            self._follow_rotation(self._path)
        if not self._is_pipe:
            return self._put(lines)
        lost = start = size = 0
        for index, line in enumerate(lines):
            if size + len(line) > MAX_LINE:
                lost += self._put(lines[start:index])
                start, size = index, 0
            size += len(line)
        return lost + self._put(lines[start:])

    def close(self) -> None:
        """Close the file; standard streams stay open."""
        if self._path:
            os.close(self._fd)

    def _put(self, lines: list[bytes]) -> int:
        data = b"".join(lines)
        if self._torn:
            data = b"\n" + data
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:] if written else data)
        except OSError:
            # Full, read-only, gone, or a non-blocking pipe that nobody reads: the loss is counted, and that is all.
            ended = data.count(b"\n", 0, written) - (self._torn and written > 0)
            if written:
                self._torn = data[written - 1] != ord("\n")
            return len(lines) - ended
        self._torn = False
        return 0

    def _follow_rotation(self, path: Path) -> None:
        opened = os.fstat(self._fd)
        try:
            named = path.stat()
            if (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino):
                return
        except FileNotFoundError:
            pass
        except OSError:
            return
        try:
            fd = _open(path)
        except OSError:
            return
        os.close(self._fd)
        self._fd, self._torn = fd, False


def _open(path: Path) -> int:
    """Open for appending. Opening a named pipe without a reader fails instead of waiting; writing may wait."""
    fd = os.open(path, _FLAGS, _MODE)
    os.set_blocking(fd, True)
    return fd
