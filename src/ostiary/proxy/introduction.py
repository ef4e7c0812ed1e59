"""A new connection whose first octets are to be a PROXY header: what that says, and not an octet more, is read of it.

What follows the header is for TLS or HTTP, and an event loop can be given no octets that were read ahead. So the octets
are looked at first, and only those that belong to the header are taken: all there are, as long as it is not complete.
Nothing is ever looked at twice while nothing new has come.
"""

from __future__ import annotations

import asyncio
from math import inf
from socket import MSG_PEEK
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from ostiary.http.proxy_protocol import BadHeader, Header, read_header

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket

    from ostiary.http.forwarded import Address


class Unheard(msgspec.Struct, frozen=True):
    """Why there was no header to judge: the `result` that is counted."""

    result: str


TIMEOUT: Final = Unheard("timeout")
ABANDONED: Final = Unheard("abandoned")
Outcome: TypeAlias = Header | BadHeader | Unheard | Exception
"""What came of it; an exception is one that nothing expects."""


class Introduction:
    """Waits for the header of `connection`, which does not block and stays the caller's, and tells `over` the outcome.

    `sender` is the address of its other end, `most` the octets that a header may have. `deadline` is watched by the
    worker's `Deadlines`.
    """

    def __init__(
        self,
        connection: socket,
        sender: Address,
        most: int,
        deadline: float,
        over: Callable[[Introduction, Outcome], None],
    ) -> None:
        self.connection = connection
        self.sender = sender
        self.deadline = deadline
        self._most = most
        self._over = over
        self._held = b""
        """The beginning of the header, which is complete only with what comes next."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(connection, self._readable)

    def stop(self) -> None:
        """Wait no more; nothing is told any more, either."""
        self.deadline = inf
        self._loop.remove_reader(self.connection)

    def expired(self, mono: float) -> None:  # noqa: ARG002  # the protocol's signature
        """Give up on a peer that is too slow."""
        self._end(TIMEOUT)

    def _readable(self) -> None:
        try:
            outcome = self._read()
        except BlockingIOError:
            return
        except OSError:
            outcome = ABANDONED
        except Exception as error:  # noqa: BLE001  # whatever it is, it ends with this connection
            outcome = error
        if outcome is not None:
            self._end(outcome)

    def _read(self) -> Outcome | None:
        seen = self.connection.recv(self._most - len(self._held), MSG_PEEK)
        if not seen:
            return ABANDONED
        found = read_header(self._held + seen, self._most)
        if isinstance(found, BadHeader):
            return found
        length = len(self._held) + len(seen) if found is None else found.length
        self._held += self.connection.recv(length - len(self._held))
        return found

    def _end(self, outcome: Outcome) -> None:
        self.stop()
        self._over(self, outcome)
