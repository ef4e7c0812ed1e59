"""A worker process as the supervisor sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, Final

from ostiary.observe.snapshot import Snapshot
from ostiary.serve.channel import ChannelBroken, SupervisorEnd, supervisor_end
from ostiary.serve.messages import Collect, Collected, Drain, Failed, Ready, Start, Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

_COMMAND: Final = (sys.executable, "-P", "-m", "ostiary.serve.worker")
"""-P: a file in the current folder must not pass for a module of ours."""
_MEMORY: Final = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20), "MALLOC_TRIM_THRESHOLD_": str(16 << 20)}
"""What glibc gives back to the system at once: blocks of a MiB, and the free end of the heap beyond 16 MiB. By itself
it gives back the pieces of large bodies, of 250 KB each, and asks for memory anew with each: the page faults cost as
much as reading and writing them. Other C libraries take no notice."""
_COLLECT_SECONDS: Final = 0.5
_EXIT_SECONDS: Final = 5.0


class WorkerProcess:
    """One life of one worker.

    `ready` while it listens; `failure` is what it said if it could not start; `status` is its last, `heard` when it
    last said anything (monotonic seconds); `snapshot` is the last that is known of its metrics.
    """

    def __init__(
        self, index: int, process: asyncio.subprocess.Process, channel: SupervisorEnd, monotonic: Callable[[], float]
    ) -> None:
        self.index = index
        self.pid = process.pid
        self.ready = False
        self.failure = ""
        self.status: Status | None = None
        self.heard = self.started = monotonic()
        self.snapshot = Snapshot()
        self._process = process
        self._channel = channel
        self._monotonic = monotonic
        self._collected = asyncio.Event()

    @classmethod
    async def spawn(
        cls,
        index: int,
        config: dict[str, Any],
        monotonic: Callable[[], float],
        command: tuple[str, ...] = _COMMAND,
    ) -> Self:
        """Start a worker and tell it its configuration. Raises OSError if the system will not."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        channel = await supervisor_end(ours)
        try:
            # A session of its own: an interrupt typed at the terminal is the supervisor's alone to act on.
            process = await asyncio.create_subprocess_exec(
                *command,
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env=_MEMORY | os.environ,
                stdin=asyncio.subprocess.DEVNULL,
            )
        except OSError:
            await channel.close()
            raise
        finally:
            theirs.close()
        channel.send(Start(config, index))
        return cls(index, process, channel, monotonic)

    async def attend(self, on_ready: Callable[[], None]) -> int:
        """Listen to the worker until it is dead; return its exit code, negative for a signal."""
        try:
            while (message := await self._channel.receive()) is not None:
                self.heard = self._monotonic()
                match message:
                    case Ready():
                        self.ready = True
                        on_ready()
                    case Status():
                        self.status = message
                    case Collected(snapshot):
                        self.snapshot = snapshot
                        self._collected.set()
                    case Failed(reason):
                        self.failure = reason
        except ChannelBroken:
            self.kill()
        self.ready = False
        try:
            async with asyncio.timeout(_EXIT_SECONDS):
                return await self._process.wait()
        except TimeoutError:
            self.kill()
            return await self._process.wait()
        finally:
            await self._channel.close()

    async def collect(self) -> Snapshot:
        """Return the worker's metrics: fresh ones, or the last known if it does not answer within half a second."""
        self._collected.clear()
        self._channel.send(Collect())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_COLLECT_SECONDS):
                await self._collected.wait()
        return self.snapshot

    def drain(self, seconds: float) -> None:
        """Ask the worker to end in good order within so many seconds."""
        self._channel.send(Drain(seconds))

    def kill(self) -> None:
        """End the worker by force."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
