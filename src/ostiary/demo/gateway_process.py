"""The real gateway as a child process: started, waited for, and taken down with everything it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Final, Self

import aiohttp

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_POLL: Final = 0.05
_GRACE: Final = 10.0
_LOG_LINES: Final = 30


class GatewayFailed(Exception):
    """The gateway did not become ready. The text ends with the last lines of its log."""


class GatewayProcess:
    """`ostiary serve` on a configuration file, its output going to `log`.

    It runs in a session of its own: an interrupt typed at the terminal reaches only the demo, which then takes the
    gateway down in order.
    """

    def __init__(self, config: Path, log: Path) -> None:
        self._arguments = (sys.executable, "-m", "ostiary", "serve", "--config", str(config))
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        tied = (sys.executable, "-m", "ostiary.demo.tied", str(os.getpid()))
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *tied,
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE)
        with contextlib.suppress(ProcessLookupError):  # whatever is left of its session's first group
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    async def ready(self, url: str, deadline: float) -> None:
        """Return once `url` answers 200. Raises `GatewayFailed` if the gateway exits, or after `deadline` seconds."""
        try:
            async with asyncio.timeout(deadline), aiohttp.ClientSession() as session:
                while not await _answers(session, url):
                    if self._process is None or self._process.returncode is not None:
                        raise GatewayFailed(f"The gateway stopped while starting.\n{self.log_tail()}")
                    await asyncio.sleep(_POLL)
        except TimeoutError:
            raise GatewayFailed(f"The gateway was not ready after {deadline:g} s.\n{self.log_tail()}") from None

    def log_tail(self) -> str:
        """Return the last lines that the gateway wrote."""
        lines = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return "\n".join(lines) or "(it wrote nothing)"


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, OSError):
        return False
