"""Write lines to a file or a standard stream without ever making a request wait for them.

The event loop gathers lines and hands them over in batches; a thread of its own writes. What it has not yet written is
bounded, and over the bound lines are dropped and counted: a hung, full or failing sink costs lines, not traffic. Each
number here is changed by one thread only, so none of them needs a lock.
"""

from __future__ import annotations

import asyncio
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ostiary.observe.sink import Sink

_BATCH_BYTES: Final = 64 * 1024
_BATCH_SECONDS: Final = 0.2
_BACKLOG_BYTES: Final = 4 * 1024 * 1024
_CLOSE_SECONDS: Final = 1.0


class LineWriter:
    """Lines of bytes, each ending in a newline, on their way to `sink`.

    At most `backlog` bytes wait to be written. A batch waits at most a fifth of a second.
    """

    def __init__(self, sink: Sink, backlog: int = _BACKLOG_BYTES) -> None:
        self._sink = sink
        self._backlog = backlog
        self._lines: list[bytes] = []
        self._gathered = 0
        self._timer: asyncio.TimerHandle | None = None
        self._batches: SimpleQueue[list[bytes] | None] = SimpleQueue()
        self._handed = 0
        self._settled = 0
        self._overflowed = 0
        self._failed = 0
        self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines lost so far."""
        return self._overflowed + self._failed

    def write(self, line: bytes) -> None:
        """Take one line. Called on the event loop; never blocks, never raises."""
        lines = self._lines
        lines.append(line)
        self._gathered += len(line)
        if self._gathered >= _BATCH_BYTES:
            self.flush()
        elif len(lines) == 1 and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_BATCH_SECONDS, self._flush_by_timer)

    def flush(self) -> None:
        """Hand what was gathered to the thread, or drop it if the thread is too far behind."""
        lines, size = self._lines, self._gathered
        if not lines:
            return
        self._lines, self._gathered = [], 0
        if self._handed - self._settled + size > self._backlog:
            self._overflowed += len(lines)
            return
        self._handed += size
        self._batches.put(lines)

    def close(self) -> None:
        """Write what is left, as far as the sink takes it within a second."""
        if self._timer is not None:
            self._timer.cancel()
        self.flush()
        self._batches.put(None)
        self._thread.join(_CLOSE_SECONDS)

    def _flush_by_timer(self) -> None:
        self._timer = None
        self.flush()

    def _run(self) -> None:
        while (lines := self._batches.get()) is not None:
            self._failed += self._sink.write(lines)
            self._settled += sum(map(len, lines))
        self._sink.close()
