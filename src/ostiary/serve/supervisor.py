"""The process that a user starts: it holds the address, keeps the workers alive, and answers for them all.

It never touches a request: whatever hostile input does to a worker, this process is not there.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from typing import TYPE_CHECKING, Final

from ostiary.observe import families
from ostiary.observe.snapshot import Snapshot, lasting, merge
from ostiary.serve.backoff import Backoff
from ostiary.serve.health import HUNG_SECONDS, health, hung
from ostiary.serve.messages import dump_config
from ostiary.serve.process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ostiary.config.model import Config
    from ostiary.serve.health import Health

    Spawn = Callable[[int], Awaitable[WorkerProcess]]

_WATCH_SECONDS: Final = 1.0
_MARGIN_SECONDS: Final = 2.0
"""What a worker gets beyond the drain's deadline to close what is left by itself, and to write it down."""


class CannotServe(Exception):
    """The gateway cannot start, and trying again would not help. The text is for the operator."""


class Supervisor:
    """`workers` processes that run `config`, from `run` until `stop`.

    `say` is told, in a sentence, what an operator should know. `config` has its real port and store.
    """

    def __init__(
        self,
        config: Config,
        workers: int,
        version: str,
        say: Callable[[str], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        spawn: Spawn | None = None,
    ) -> None:
        dumped = dump_config(config)
        self._drain_seconds = config.server.drain
        self._count = workers
        self._version = version
        self._say = say
        self._monotonic = monotonic
        self._spawn: Spawn = spawn or (lambda index: WorkerProcess.spawn(index, dumped, monotonic))
        self._workers: dict[int, WorkerProcess] = {}
        self._retired = Snapshot()
        self._restarts = 0
        self._awaited = set(range(workers))
        self._started = asyncio.Event()
        self._stopping = asyncio.Event()
        self._forced = asyncio.Event()

    async def run(self, on_started: Callable[[], None]) -> None:
        """Start the workers, keep them alive, and return once all have ended after `stop`.

        `on_started` is called when all listen for the first time. Raises `CannotServe` if one of them cannot start.
        """
        keepers = [asyncio.create_task(self._keep(index)) for index in range(self._count)]
        asked = asyncio.create_task(self._stopping.wait())
        helpers = [asked, asyncio.create_task(self._watch()), asyncio.create_task(self._announce(on_started))]
        try:
            await asyncio.wait((asked, *keepers), return_when=asyncio.FIRST_COMPLETED)
            self._stopping.set()
            await self._end(keepers)
        finally:
            self._stopping.set()  # however this ended, nothing is started again
            for worker in self._workers.values():
                worker.kill()
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*keepers, *helpers, return_exceptions=True)
        for keeper in keepers:
            keeper.result()

    def stop(self) -> None:
        """End in good order; called again, at once."""
        (self._forced if self._stopping.is_set() else self._stopping).set()

    def stop_on_signals(self) -> None:
        """Make SIGTERM and SIGINT stop; SIGHUP, which a closing terminal or an old habit sends, does nothing."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._say, "SIGHUP is ignored: to change the configuration, restart.")

    def health(self) -> Health:
        """How the gateway is now."""
        return health(list(self._workers.values()), self._count, self._monotonic(), draining=self._stopping.is_set())

    async def metrics(self) -> Snapshot:
        """Everything that was counted, by living and dead workers and here."""
        workers = list(self._workers.values())
        snapshots = await asyncio.gather(*(worker.collect() for worker in workers))
        dead = {worker.pid for worker in workers} - {worker.pid for worker in self._workers.values()}
        living = [snapshot for worker, snapshot in zip(workers, snapshots, strict=True) if worker.pid not in dead]
        state = self.health().workers
        return merge((self._retired, *living, Snapshot({
            families.WORKERS.name: {("configured",): self._count, ("ready",): state.ready},
            families.WORKER_UNRESPONSIVE.name: {(): state.unresponsive},
            families.WORKER_RESTARTS.name: {(): self._restarts},
            families.BUILD.name: {(self._version,): 1},
        })))  # fmt: skip

    async def _keep(self, index: int) -> None:
        """Run worker after worker in the place `index`, until it is time to stop."""
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                worker = await self._spawn(index)
            except OSError as error:
                how, lived = f"could not be started: {error.strerror}", 0.0
            else:
                how, lived = await self._live_through(worker), self._monotonic() - worker.started
            if self._stopping.is_set():
                return
            if not self._started.is_set():
                raise CannotServe(f"Worker {index} {how}.")
            delay = backoff.after(lived)
            self._say(f"Worker {index} {how}; starting another in {delay:g} s.")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._stopping.wait()
            self._restarts += not self._stopping.is_set()

    async def _live_through(self, worker: WorkerProcess) -> str:
        """Attend `worker` to its end and return how that came."""
        self._workers[worker.index] = worker
        if self._stopping.is_set():
            worker.drain(0)
        code = await worker.attend(lambda: self._ready(worker.index))
        del self._workers[worker.index]
        self._retired = merge((self._retired, lasting(worker.snapshot)))
        if worker.failure:
            return f"cannot start: {worker.failure}"
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def _ready(self, index: int) -> None:
        self._awaited.discard(index)
        if not self._awaited:
            self._started.set()

    async def _announce(self, on_started: Callable[[], None]) -> None:
        await self._started.wait()
        on_started()

    async def _watch(self) -> None:
        """Replace workers whose event loop is blocked for good: the kernel goes on giving them connections."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            now = self._monotonic()
            for worker in list(self._workers.values()):
                if hung(worker, now) and not self._stopping.is_set():
                    self._say(f"Worker {worker.index} has not answered for {HUNG_SECONDS:g} s and is replaced.")
                    worker.kill()

    async def _end(self, keepers: list[asyncio.Task[None]]) -> None:
        """Let the workers drain until all have ended, the deadline has passed or somebody insists."""
        for worker in self._workers.values():
            worker.drain(self._drain_seconds)
        ended = asyncio.gather(*keepers, return_exceptions=True)
        insisted = asyncio.create_task(self._forced.wait())
        deadline = self._drain_seconds + _MARGIN_SECONDS
        _, waiting = await asyncio.wait((ended, insisted), timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
        insisted.cancel()
        if ended in waiting:
            self._say("Open requests were cut off." if self._forced.is_set() else "Open requests ran out of time.")
        if self._forced.is_set():
            for worker in self._workers.values():
                worker.drain(0)
            await asyncio.wait((ended,), timeout=_MARGIN_SECONDS)
