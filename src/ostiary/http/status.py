"""Status lines (RFC 9112 section 4), with the registered reason phrase: an upstream's own would tell nobody more."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode("ascii") for status in HTTPStatus}


def status_line(status: int) -> bytes:
    """Return the status line for `status`, registered or not, ended by CRLF."""
    return _LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
