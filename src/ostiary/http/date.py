"""The Date field (RFC 9110 section 6.6.1), of the gateway's own answers and of services' that have none."""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class DateField:
    """Renders the header line of the moment, ended by CRLF, once a second. `wall` returns Unix seconds."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._second = -1
        self._line = b""

    def __call__(self) -> bytes:
        """Return the line."""
        second = int(self._wall())
        if second != self._second:
            self._second = second
            self._line = f"Date: {formatdate(second, usegmt=True)}\r\n".encode("ascii")
        return self._line
