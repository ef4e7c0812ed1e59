"""What a service said last on a connection that broke while it was being sent a request.

A service that refuses an upload answers and closes with much of it unread, which ends the connection by a reset (RFC
9112 section 9.6). The event loop tells of the write that failed for that, and reads no more; but what came before the
reset is still in the socket, and is the answer.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

MOST: Final = 256 * 1024
"""Bytes that are read at once, so that nobody else waits for long: far more than a refusal has."""


def last_words(transport: asyncio.BaseTransport) -> bytes:
    """Return what has come on a TCP connection and was not read, `MOST` bytes of it at most.

    For `connection_lost`, until whose return the socket is open, though the transport reads it no more. Under TLS what
    is in the socket means nothing to anybody but the session, which has ended.
    """
    heard = bytearray()
    try:
        kept = os.dup(transport.get_extra_info("socket").fileno())  # the transport closes its own
        with socket.socket(fileno=kept) as sock:
            while len(heard) < MOST and (piece := sock.recv(MOST - len(heard), socket.MSG_DONTWAIT)):
                heard += piece
    except (OSError, ValueError):  # nothing more, or closed already, which uvloop calls a bad value
        pass
    return bytes(heard)
