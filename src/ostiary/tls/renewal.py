"""Notices that certificate files have changed, and has their contexts renewed: all of a context's files, or none.

A file is looked at by its identity, size and time of change. Certificate and key are two files, and writing either
takes time: nothing is read until all of them have stayed as they are from one look to the next. What cannot be used is
told once, and leaves the context as it was.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from ostiary.observe.security_log import CERTIFICATES_CHANGED, CERTIFICATES_UNUSABLE
from ostiary.tls.material import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ostiary.observe.security_log import SecurityLog

_UNEXPECTED: Final = "cannot be loaded"


class Renewable(Protocol):
    """Something made of files."""

    def renew(self) -> None:
        """Make it anew. Raises `OSError`, and is then as it was."""


class Watched:
    """One context and its files. `name` is how the log calls it."""

    def __init__(self, name: str, context: Renewable, files: Iterable[str]) -> None:
        self.name = name
        self.context = context
        self._files = tuple(map(Path, files))
        self._used = self._seen = self._stamps()

    def settled(self) -> bool:
        """Look: True if the files are not those used last, and have stayed as they are since the last look."""
        stamps = self._stamps()
        if stamps == self._used:
            self._seen = stamps
            return False
        if stamps != self._seen:
            self._seen = stamps
            return False
        self._used = stamps
        return True

    def _stamps(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(map(_stamp, self._files))


class Renewal:
    """Looks at the files of one worker every `period` seconds. Clocks return seconds."""

    def __init__(
        self, period: float, security_log: SecurityLog, wall: Callable[[], float], monotonic: Callable[[], float]
    ) -> None:
        self._period = period
        self._security_log = security_log
        self._wall = wall
        self._monotonic = monotonic
        self._watched: list[Watched] = []

    @property
    def needed(self) -> bool:
        """Whether there is anything to look at."""
        return bool(self._watched)

    def watch(self, name: str, context: Renewable, files: Iterable[str]) -> None:
        """Renew `context` when one of its `files` has changed."""
        watched = tuple(files)
        if watched:
            self._watched.append(Watched(name, context, watched))

    async def run(self) -> None:
        """Look for ever. In a thread, for a disk may be slow and authorities may be many."""
        while True:
            await asyncio.sleep(self._period)
            for watched in self._watched:
                if await asyncio.to_thread(watched.settled):
                    await self.renew(watched)

    async def renew(self, watched: Watched) -> None:
        """Renew one now, and tell how that went."""
        event, detail = CERTIFICATES_CHANGED, f"{watched.name}: loaded"
        try:
            await asyncio.to_thread(watched.context.renew)
        except Unusable as error:
            event, detail = CERTIFICATES_UNUSABLE, f"{watched.name}: {error.part} {error.message}"
        except OSError:
            event, detail = CERTIFICATES_UNUSABLE, f"{watched.name}: {_UNEXPECTED}"
        self._security_log.write(event, self._wall(), self._monotonic(), detail=detail)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
