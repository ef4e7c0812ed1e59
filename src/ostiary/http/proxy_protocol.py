"""The PROXY protocol, by which a proxy of TCP connections tells whose connection it passes on.

Versions 1 (a line of text) and 2 (binary) of HAProxy's specification "The PROXY protocol", sections 2.1 and 2.2, read
strictly: one reading or none. Only the client's address is taken from a header. Whatever else it can tell, of TLS for
instance, is checked for its form and dropped.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from ostiary.http.crc32c import crc32c

if TYPE_CHECKING:
    from ostiary.http.forwarded import Address

_WORD: Final = b"PROXY "
_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_LINE_BYTES: Final = 107
"""Octets of a version 1 header at most, its CRLF included (section 2.1)."""
_LINE: Final = re.compile(
    rb"PROXY (?:UNKNOWN(?: [ -~]*+)?"
    rb"|TCP([46]) ([0-9A-Fa-f:.]{2,45}) ([0-9A-Fa-f:.]{2,45}) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4}))"
)
_OPEN: Final = re.compile(rb"[ -~]*+\r?")
"""A line whose end has not come yet."""
_MAX_PORT: Final = 65535
_FIXED: Final = Struct("!12xBBH")
"""Version and command, family and transport, and the length of what follows (section 2.2)."""
_LOCAL: Final = 0x20
_PROXY: Final = 0x21
_UNSPECIFIED: Final = 0x00
_TCP4: Final = 0x11
_TCP6: Final = 0x21
_ADDRESS_BYTES: Final = {_UNSPECIFIED: 0, _TCP4: 12, _TCP6: 36}
"""How long the addresses and ports of each kind of connection are. Of other kinds, none ends at a TCP listener."""
_TLV: Final = Struct("!BH")
_CRC32C: Final = 0x03
_CRC32C_VALUE: Final = Struct("!I")
_BROADCAST: Final = IPv4Address("255.255.255.255")

Ip: TypeAlias = IPv4Address | IPv6Address


class Header(msgspec.Struct, frozen=True):
    """A header: how many octets it has, and the client's address. None: the peer speaks for itself."""

    length: int
    address: Address | None


class BadHeader(msgspec.Struct, frozen=True):
    """Why a connection does not begin with a header, in a sentence that repeats nothing of it."""

    detail: str


_NONE: Final = BadHeader("It does not begin with a PROXY header.")
_BAD_LINE: Final = BadHeader("Malformed line of version 1.")
_BAD_VERSION: Final = BadHeader("Neither LOCAL nor PROXY of version 2.")
_BAD_KIND: Final = BadHeader("Not of a TCP connection over IPv4 or IPv6.")
_BAD_LENGTH: Final = BadHeader("Too short for its addresses.")
_TOO_LONG: Final = BadHeader("Longer than the bound.")
_BAD_TLV: Final = BadHeader("Malformed extension.")
_BAD_CHECKSUM: Final = BadHeader("Wrong checksum.")
_NOBODY: Final = BadHeader("The address is none that a client can have.")


def read_header(data: bytes, most: int) -> Header | BadHeader | None:
    """Read the header that a connection begins with; `data` are its first octets, `most` the octets it may have.

    None: it is not complete, and every octet of `data` is part of it. More octets never make a `BadHeader` good, nor
    change a `Header`.
    """
    if data.startswith(_WORD):
        return _version_1(data)
    if data.startswith(_SIGNATURE):
        return _version_2(data, most)
    return None if _WORD.startswith(data) or _SIGNATURE.startswith(data) else _NONE


def _version_1(data: bytes) -> Header | BadHeader | None:
    end = data.find(b"\r\n", 0, _LINE_BYTES)
    if end < 0:
        return None if len(data) < _LINE_BYTES and _OPEN.fullmatch(data) else _BAD_LINE
    line = _LINE.fullmatch(data, 0, end)
    if line is None:
        return _BAD_LINE
    family, source, destination, *ports = line.groups()
    if family is None:
        return Header(end + 2, None)
    kind = IPv4Address if family == b"4" else IPv6Address
    try:
        address, _ = kind(source.decode("ascii")), kind(destination.decode("ascii"))
    except ValueError:
        return _BAD_LINE
    if any(int(port) > _MAX_PORT for port in ports):
        return _BAD_LINE
    return _of(address, end + 2)


def _version_2(data: bytes, most: int) -> Header | BadHeader | None:
    if len(data) < _FIXED.size:
        return None
    command, kind, length = _FIXED.unpack_from(data)
    end = _FIXED.size + length
    if command not in {_LOCAL, _PROXY}:
        return _BAD_VERSION
    if end > most:
        return _TOO_LONG
    if command == _PROXY and kind not in _ADDRESS_BYTES:
        return _BAD_KIND
    if command == _PROXY and length < _ADDRESS_BYTES[kind]:
        return _BAD_LENGTH
    if len(data) < end:
        return None
    if command == _LOCAL:  # whatever else it says is to be ignored
        return Header(end, None)
    return _extensions(data[:end], _FIXED.size + _ADDRESS_BYTES[kind]) or _client(data, kind, end)


def _client(data: bytes, kind: int, end: int) -> Header | BadHeader:
    at = _FIXED.size
    if kind == _TCP4:
        return _of(IPv4Address(data[at : at + 4]), end)
    if kind == _TCP6:
        return _of(IPv6Address(data[at : at + 16]), end)
    return Header(end, None)


def _of(address: Ip, length: int) -> Header | BadHeader:
    """A header that tells of `address`, in the one spelling that it has everywhere."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_unspecified or address.is_multicast or address == _BROADCAST:
        return _NOBODY
    return Header(length, str(address))


def _extensions(header: bytes, at: int) -> BadHeader | None:
    """What is wrong with the type-length-value records from `at` to the end, their checksum included."""
    checksum = 0
    while at < len(header):
        if len(header) - at < _TLV.size:
            return _BAD_TLV
        kind, length = _TLV.unpack_from(header, at)
        at += _TLV.size
        if length > len(header) - at:
            return _BAD_TLV
        if kind == _CRC32C:
            if checksum or length != _CRC32C_VALUE.size:
                return _BAD_TLV
            checksum = at
        at += length
    return _BAD_CHECKSUM if checksum and not _intact(header, checksum) else None


def _intact(header: bytes, at: int) -> bool:
    """Whether the checksum at `at` is that of the header with zeros in its place (section 2.2.3)."""
    behind = at + _CRC32C_VALUE.size
    told: int = _CRC32C_VALUE.unpack_from(header, at)[0]
    return crc32c(b"%b%b%b" % (header[:at], bytes(_CRC32C_VALUE.size), header[behind:])) == told
