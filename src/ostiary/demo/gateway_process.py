"""The real gateway as a child process: started, waited for, and taken down with everything it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

import aiohttp

from ostiary.tied import tied

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

_POLL: Final = 0.05
_GRACE: Final = 10.0
_LOG_LINES: Final = 30


class GatewayFailed(Exception):
    """The gateway did not become ready. The text ends with the last lines of its log."""


class GatewayProcess:
    """A gateway that was started, and the file that its output goes to."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    async def ready(self, url: str, deadline: float) -> None:
        """Return once `url` answers 200. Raises `GatewayFailed` if the gateway exits, or after `deadline` seconds."""
        try:
            async with asyncio.timeout(deadline), aiohttp.ClientSession() as session:
                while not await _answers(session, url):
                    if self._process.returncode is not None:
                        raise GatewayFailed(f"The gateway stopped while starting.\n{self.log_tail()}")
                    await asyncio.sleep(_POLL)
        except TimeoutError:
            raise GatewayFailed(f"The gateway was not ready after {deadline:g} s.\n{self.log_tail()}") from None

    def log_tail(self) -> str:
        """Return the last lines that the gateway wrote."""
        lines = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return "\n".join(lines) or "(it wrote nothing)"


@contextlib.asynccontextmanager
async def gateway_process(command: Sequence[str], log: Path) -> AsyncIterator[GatewayProcess]:
    """Run `command` while the context is open, then ask it to stop, and kill what has not after a grace period.

    It has a session of its own: an interrupt typed at the terminal reaches only the demo, which then takes the
    gateway down in order. Should the demo itself be killed, the gateway is told by the system.
    """
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *tied(command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield GatewayProcess(process, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE)
        with contextlib.suppress(ProcessLookupError):  # whatever it may have left in its group
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
