"""Many askers, one call: whatever is asked for in one turn of the event loop, or while a call is out, goes in the next.

Askers only wait on futures; one task owns the calls. So an asker that is cancelled disturbs nobody, and an asker's
deadline is kept whatever the server does. A lane is *up* (asks queue) or *down* (asks fail at once, while the task
tries the server with back-off). A call that fails, even on a new connection, or comes too late, leads down.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from typing import TYPE_CHECKING, Final

from ostiary.stores import script
from ostiary.stores.protocol import ConnectionLost, StoreMisconfigured, StoreUnavailable, Unscripted

if TYPE_CHECKING:
    from ostiary.stores.line import Command, Line

MAX_BATCH: Final = 256
"""Takes in one call: under a millisecond of the server's time."""
MAX_WAITING: Final = 64
"""Batches that may wait behind the one that is out."""
PROBE_EVERY: Final = 2.0
"""Seconds without asks after which the server is tried, so that `up` tells the truth."""
FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 2.0
"""Seconds between two tries of a server that is down: doubling from the one to the other, with jitter."""

_FAILURES: Final = (TimeoutError, StoreUnavailable, StoreMisconfigured)
_log: Final = logging.getLogger(__name__)


class Batch:
    """Takes that go out together: keys, three arguments for each, who waits for each, and until when (loop time)."""

    __slots__ = ("arguments", "deadline", "keys", "waiters")

    def __init__(self, deadline: float) -> None:
        self.keys: list[str] = []
        self.arguments: list[float] = []
        self.waiters: list[asyncio.Future[int]] = []
        self.deadline = deadline

    def settle(self, reply: list[int]) -> None:
        """Give everyone who still waits their part of the reply."""
        for waiter, value in zip(self.waiters, reply, strict=True):
            if not waiter.done():
                waiter.set_result(value)

    def fail(self) -> None:
        """Tell everyone who still waits that there will be none."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(StoreUnavailable())


class Lane:
    """Takes through one line, to a server at `where`, as diagnostics call it.

    `probe_key` names a bucket that serves to try the server; `timeout`s are seconds.
    """

    def __init__(self, line: Line, probe_key: str, timeout: float, connect_timeout: float, where: str = "") -> None:
        self.up = False
        self._line: Final = line
        self._probe_key: Final = probe_key
        self._timeout: Final = timeout
        self._connect_timeout: Final = connect_timeout
        self._name: Final = f"the limits' store at {where}" if where else "the limits' store"
        self._waiting: Final[deque[Batch]] = deque()
        self._wanted: Final = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Try the server once, then serve. Raises `StoreMisconfigured`; a server that is away is tried again later."""
        try:
            await self._probe()
        except (TimeoutError, StoreUnavailable) as error:
            self._go_down(error)
        else:
            self.up = True
        self._task = asyncio.create_task(self._run())

    def ask(self, key: str, rate: float, burst: int, cost: float) -> asyncio.Future[int]:
        """The script's reply to this take, to come in time. Raises `StoreUnavailable`, or its future does."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting
        if waiting and len(waiting[-1].keys) < MAX_BATCH:
            batch = waiting[-1]
        elif self.up and len(waiting) < MAX_WAITING:
            batch = Batch(loop.time() + self._timeout)
            waiting.append(batch)
            self._wanted.set()
        else:
            raise StoreUnavailable
        waiter: asyncio.Future[int] = loop.create_future()
        batch.keys.append(key)
        batch.arguments += (rate, burst, cost)
        batch.waiters.append(waiter)
        return waiter

    async def close(self) -> None:
        """Stop and fail whoever waits. The line stays with whoever opened it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._fail_waiting()

    async def _run(self) -> None:
        while True:
            try:
                if not self.up:
                    await self._recover()
                elif self._waiting:
                    await self._serve(self._waiting.popleft())
                else:
                    await self._idle()
            except _FAILURES as error:
                self._go_down(error)
            except Exception as error:  # noqa: BLE001 - without this task asks would wait for ever
                _log.exception("unforeseen failure of the limits' store")
                self._go_down(error)

    async def _serve(self, batch: Batch) -> None:
        try:
            async with asyncio.timeout_at(batch.deadline):
                batch.settle(await self._call(batch))
        finally:
            batch.fail()

    async def _idle(self) -> None:
        self._wanted.clear()
        try:
            async with asyncio.timeout(PROBE_EVERY):
                await self._wanted.wait()
        except TimeoutError:
            await self._probe()

    async def _recover(self) -> None:
        pause = FIRST_PAUSE
        while not self.up:
            try:
                await self._probe()
            except _FAILURES:
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter is no secret
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                self.up = True
                _log.warning("%s is back", self._name)

    async def _probe(self) -> None:
        batch = Batch(asyncio.get_running_loop().time() + self._connect_timeout + self._timeout)
        batch.keys.append(self._probe_key)
        batch.arguments += (1000.0, 1000, 1.0)
        async with asyncio.timeout_at(batch.deadline):
            await self._call(batch)

    async def _call(self, batch: Batch) -> list[int]:
        """The reply to a batch. On a broken connection it goes out once more: charged twice at worst, never unpaid."""
        try:
            return await self._call_once(batch)
        except ConnectionLost:
            return await self._call_once(batch)

    async def _call_once(self, batch: Batch) -> list[int]:
        body: Command = (len(batch.keys), *batch.keys, *batch.arguments)
        try:
            reply = await self._line.call(("EVALSHA", script.SHA, *body))
        except Unscripted:
            reply = await self._line.call(("EVAL", script.TEXT, *body))
        try:
            return script.checked(reply, len(batch.keys))
        except ConnectionLost:
            await self._line.close()
            raise

    def _go_down(self, error: Exception) -> None:
        self._fail_waiting()
        _log.warning("%s is away: %s", self._name, _why(error))

    def _fail_waiting(self) -> None:
        self.up = False
        while self._waiting:
            self._waiting.popleft().fail()


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    ours = isinstance(error, StoreUnavailable | StoreMisconfigured)
    return (str(error) if ours else "") or "an unforeseen failure"
