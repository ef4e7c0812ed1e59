"""The Host field, read strictly (RFC 9110 section 7.2, RFC 3986 section 3.2.2).

Accepted: a DNS name of letters, digits, ``-`` and ``_``; a dotted-quad IPv4 address; a bracketed IPv6 address; each
with an optional port. Refused: user information, percent-encoding, non-ASCII, empty labels, zone identifiers, and names
whose last label is a number without being a dotted quad (``127.1``, ``0x7f``: some resolvers read addresses there).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

import msgspec

_MEMO_ENTRIES: Final = 1024
# No possessive group: before Python 3.11.5, it does not give back what its last round has read, if that round fails.
_AUTHORITY: Final = re.compile(
    r"(?:(?P<name>[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*)\.?|\[(?P<ipv6>[0-9a-f:.]{2,45})\])(?::(?P<port>[1-9][0-9]{0,4})?)?",
    re.ASCII | re.IGNORECASE,
)
_NUMERIC_LABEL: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_MAX_NAME: Final = 253  # RFC 1035 section 2.3.4, without the root's dot
_MAX_PORT: Final = 65535


class Host(msgspec.Struct, frozen=True):
    """A canonical authority."""

    name: str
    """Lower-case, without the root's dot; IPv6 in brackets, compressed."""
    port: int | None
    """None if absent or empty."""
    raw: bytes
    """``name`` or ``name:port``, as it goes upstream."""


def canonical_host(value: bytes) -> Host | None:
    """Return the canonical form of a Host value or authority, or None if it has none."""
    # Bounded by length before anything else: names are at most 253, a port 5, with a dot and a colon.
    if len(value) > _MAX_NAME + 7:
        return None
    host = _memo.get(value)
    if host is None:
        host = _parse(value)
        if host is not None:
            if len(_memo) >= _MEMO_ENTRIES:
                _memo.clear()
            _memo[value] = host
    return host


_memo: Final[dict[bytes, Host]] = {}


def _parse(value: bytes) -> Host | None:
    if not value.isascii():
        return None
    parts = _AUTHORITY.fullmatch(value.decode("ascii").lower())
    if parts is None:
        return None
    name, ipv6, digits = parts.group("name", "ipv6", "port")
    if ipv6 is not None:
        name = _ipv6(ipv6)
    elif len(name) > _MAX_NAME or not _is_name_or_ipv4(name):
        return None
    port = int(digits) if digits else None
    if name is None or (port is not None and port > _MAX_PORT):
        return None
    return Host(name, port, (name if port is None else f"{name}:{port}").encode("ascii"))


def _ipv6(text: str) -> str | None:
    try:
        return f"[{ipaddress.IPv6Address(text).compressed}]"
    except ValueError:
        return None


def _is_name_or_ipv4(name: str) -> bool:
    if not _NUMERIC_LABEL.fullmatch(name.rpartition(".")[2]):
        return True
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True
