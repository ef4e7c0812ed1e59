"""How much of what it was sent a peer has taken, which no buffer on this side tells.

The gateway's buffer stands still while the kernel's is emptied, which takes a slow client minutes; and what is left of
either under TLS is known to nobody outside. What the peer acknowledges (RFC 9293 section 3.4) moves with every octet
that it makes room for.
"""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

_SIZE: Final = 128
_ACKNOWLEDGED: Final = slice(120, 128)
"""Where Linux keeps `tcpi_bytes_acked` in the `tcp_info` of tcp(7), since version 4.1."""


def octets_taken(transport: asyncio.BaseTransport) -> int:
    """Return the octets that the peer of a TCP connection has acknowledged so far, or 0 if nobody can tell.

    It asks the kernel, for some microseconds: nothing for a request to pay.
    """
    try:
        info: bytes = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    except (OSError, ValueError):  # no TCP, or closed meanwhile, which uvloop calls a bad value
        return 0
    return int.from_bytes(info[_ACKNOWLEDGED], sys.byteorder)
