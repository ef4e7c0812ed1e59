"""The gateway's own small requests to a target, which take it out and bring it back before its callers notice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from ostiary.http.head import END, response_head

if TYPE_CHECKING:
    from collections.abc import Callable

    from ostiary.config.model import HealthCheck as Settings
    from ostiary.proxy.target import Target

_HEAD_BYTES: Final = 64 * 1024
_FINAL: Final = 200


class HealthCheck:
    """Checks one target, on a connection of its own each time. `deadline` is watched by the worker's `Deadlines`.

    A target is up until it has failed often enough. `judged` is called when that has changed.
    """

    def __init__(
        self, target: Target, settings: Settings, judged: Callable[[], None], monotonic: Callable[[], float]
    ) -> None:
        self.deadline = 0.0
        """When the check under way has taken too long, or when the next one is due. Monotonic seconds."""
        self._target = target
        self._settings = settings
        self._judged = judged
        self._monotonic = monotonic
        self._request = (
            f"GET {settings.path} HTTP/1.1\r\nHost: {target.name}\r\n"
            "User-Agent: ostiary-health-check\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        ).encode("ascii")
        self._begun = 0.0
        self._row = 0
        """How many checks in a row found otherwise than the target is said to be."""
        self._under_way: asyncio.Task[None] | None = None

    def expired(self, mono: float) -> None:
        """Begin a check, or give up the one that is under way."""
        if self._under_way is None:
            self._begun = mono
            self.deadline = mono + self._settings.timeout
            self._under_way = asyncio.ensure_future(self._check())
        else:
            self.close()
            self._found(passed=False, mono=mono)

    def close(self) -> None:
        """Stop the check that is under way, if any."""
        if self._under_way is not None:
            self._under_way.cancel()
            self._under_way = None

    async def _check(self) -> None:
        answer: _Answer | None = None
        try:
            answer = await self._target.open_connection(lambda: _Answer(self._request))
            passed = await answer.status in self._settings.statuses
        except OSError:
            passed = False
        finally:
            if answer is not None:
                answer.close()
        self._under_way = None
        self._found(passed=passed, mono=self._monotonic())

    def _found(self, *, passed: bool, mono: float) -> None:
        target, settings = self._target, self._settings
        self.deadline = max(self._begun + settings.interval, mono)
        (target.metrics.passed if passed else target.metrics.failed).value += 1
        if passed is not target.down:
            self._row = 0
            return
        self._row += 1
        if self._row >= (settings.passes if passed else settings.failures):
            self._row = 0
            target.judged(up=passed)
            self._judged()


class _Answer(asyncio.Protocol):
    """Sends one request; `status` is that of the final answer, or 0 if what came is none."""

    def __init__(self, request: bytes) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._request = request
        self._part = b""

    def close(self) -> None:
        """Close without ceremony."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask. See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Read the head; what follows is of no interest."""
        self._part += data
        while found := response_head(self._part):
            _, status, _, self._part = found
            if status >= _FINAL:
                self._done(status)
                return
        if END in self._part or len(self._part) > _HEAD_BYTES:
            self._done(0)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002  # the protocol's signature
        """Take the end for an answer that is none."""
        self._done(0)

    def _done(self, status: int) -> None:
        if not self.status.done():
            self.status.set_result(status)
