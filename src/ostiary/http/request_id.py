"""Request ids: 32 hexadecimal digits, cheap to make and never the same twice."""

from __future__ import annotations

import itertools
import re
import secrets
from typing import Final

_ACCEPTABLE: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:=+/-]{0,127}")
_SCATTER: Final = 0x9E3779B97F4A7C15  # odd, so that multiplying by it modulo 2**64 repeats nothing
_MASK: Final = 2**64 - 1


_PREFIX: Final = secrets.token_hex(8).encode("ascii")
_COUNT: Final = itertools.count(secrets.randbits(63)).__next__


def new_request_id() -> bytes:
    """Return a new id: unique in this process by a counter, and among processes by 64 random bits.

    Ids name requests and guard nothing. The counter is scattered so that an id does not tell how many came before it.
    """
    return b"%b%016x" % (_PREFIX, _COUNT() * _SCATTER & _MASK)


def id_fields(request_id: str | None, correlation_id: str | None) -> bytes:
    """The header lines named so, each ended by CRLF, as a template for the two ids; a name of None leaves one out."""
    # A precision of zero takes the id and writes nothing of it.
    lines = (b"%.0b" if name is None else name.encode("ascii") + b": %b\r\n" for name in (request_id, correlation_id))
    return b"".join(lines)


def is_request_id(value: bytes) -> bool:
    """Whether an id from a trusted peer may be taken over: 1 to 128 letters, digits and ``._:=+/-``."""
    return _ACCEPTABLE.fullmatch(value) is not None
