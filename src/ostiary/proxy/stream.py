"""One client's connection as octets: what is sent, whether anything is read, and how it ends.

What the octets mean is for `ClientConnection` to say, which is one of these.
"""

from __future__ import annotations

import asyncio
from enum import IntFlag
from math import inf
from typing import TYPE_CHECKING, Final, cast

from ostiary.proxy.taken import octets_taken
from ostiary.proxy.writing import write_pieces

if TYPE_CHECKING:
    from ostiary.proxy.door import ProxyDoor

_LINGER_SECONDS: Final = 2.0
_LINGER_BYTES: Final = 1024 * 1024


class Hold(IntFlag):
    """Why nothing is read from the client at the moment."""

    NONE = 0
    PIPELINE = 1
    BODY = 2
    ANSWERS = 4
    EARLY = 8
    TURN = 16


class ClientStream(asyncio.Protocol):
    """A connection of the listener. `deadline` is watched by the worker's `Deadlines`."""

    def __init__(self, door: ProxyDoor) -> None:
        self.door = door
        self.deadline = inf
        self.full = False
        """Whether the client has yet to take much of what it was sent."""
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._outgoing: list[bytes] = []
        self._holds = Hold.NONE
        self._closed = False
        self._lingering = -1
        """Bytes that may still be read and dropped before the connection is closed; negative while it is open."""
        self._taken = -1
        """Octets that the client had taken when it was last looked at for being slow; negative before that."""

    # Sending.

    def write(self, data: bytes) -> None:
        """Send `data` at once."""
        if not self._closed:
            self._transport.write(data)

    def put(self, data: bytes) -> None:
        """Send `data` with the next `flush`."""
        self._outgoing.append(data)

    def flush(self) -> None:
        """Send what was put."""
        if self._outgoing:
            outgoing = self._outgoing
            self._outgoing = []
            if not self._closed:
                write_pieces(self._transport, outgoing)

    def _watch_taking(self) -> None:
        """Look from now on at how fast the client takes what is kept for it: the next look of `Deadlines` is the first.

        So those who take it by then, as most do at once, cost nothing.
        """
        self._taken = -1
        self.deadline = self.door.monotonic()

    def _takes_enough(self, mono: float) -> bool:
        """Whether the client has taken as much as it has to since the last look."""
        before, self._taken = self._taken, octets_taken(self._transport)
        if before >= 0 and self._taken - before < self.door.least_taken:
            self.door.too_slow.value += 1
            return False
        self.deadline = mono + self.door.timeouts.write
        return True

    # Reading.

    @property
    def held(self) -> bool:
        """Whether the client cannot send at the moment, because nothing is read from it."""
        return bool(self._holds)

    def _hold(self, hold: Hold) -> None:
        if not self._holds and not self._closed:
            self._transport.pause_reading()
        self._holds |= hold

    def _release(self, hold: Hold) -> None:
        if self._holds:
            self._holds &= ~hold
            if not self._holds and not self._closed:
                self._transport.resume_reading()

    # Ending.

    def abort(self) -> None:
        """Close at once, without a clean end."""
        self._closed = True
        self.deadline = inf
        self._transport.abort()

    def _close(self) -> None:
        """Close as soon as the client has taken what was sent to it: there is nothing more to be read from it."""
        self._closed = True
        self._watch_taking()
        self._transport.close()

    def _linger(self) -> None:
        """Close once the client has had time to see the end: what it still sends is read, and dropped.

        Closing before would take from it what it was sent last (RFC 9112 section 9.6).
        """
        self._lingering = _LINGER_BYTES
        if self.full:
            self._watch_taking()
        else:
            self.deadline = self.door.monotonic() + _LINGER_SECONDS
        self._release(~Hold.NONE)
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _drop(self, data: bytes) -> None:
        """Take what comes while lingering."""
        self._lingering -= len(data)
        if self._lingering < 0:
            self.abort()
