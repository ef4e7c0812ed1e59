"""Headers of the PROXY protocol, put together octet by octet, with no help from the code that reads them."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL: Final = 0x20
PROXY: Final = 0x21
_CHECKSUM: Final = 0x03


def line(source: str, destination: str = "", source_port: int = 4711, port: int = 443) -> bytes:
    """Return a header of version 1."""
    six = ":" in source
    destination = destination or ("2001:db8::99" if six else "203.0.113.99")
    return f"PROXY TCP{6 if six else 4} {source} {destination} {source_port} {port}\r\n".encode()


def addresses(source: str, destination: str = "", source_port: int = 4711, port: int = 443) -> bytes:
    """Return the addresses and ports of a header of version 2."""
    ends = (source, destination or ("2001:db8::99" if ":" in source else "203.0.113.99"))
    packed = b"".join(ip_address(end).packed for end in ends)
    return packed + source_port.to_bytes(2, "big") + port.to_bytes(2, "big")


def record(kind: int, value: bytes) -> bytes:
    """Return a type-length-value record."""
    return bytes([kind]) + len(value).to_bytes(2, "big") + value


def raw(command: int, kind: int, content: bytes, length: int = -1) -> bytes:
    """Return a header of version 2 out of its parts; `length` in place of that of the content."""
    told = len(content) if length < 0 else length
    return SIGNATURE + bytes([command, kind]) + told.to_bytes(2, "big") + content


def binary(source: str, *records: bytes, checked: bool = False) -> bytes:
    """Return a header of version 2, with a checksum if it shall be `checked`."""
    kind = 0x21 if ":" in source else 0x11
    content = addresses(source) + b"".join(records)
    if not checked:
        return raw(PROXY, kind, content)
    unsigned = raw(PROXY, kind, content + record(_CHECKSUM, bytes(4)))
    return raw(PROXY, kind, content + record(_CHECKSUM, checksum(unsigned).to_bytes(4, "big")))


def checksum(data: bytes) -> int:
    """Return the CRC-32C of `data`, by division, bit by bit."""
    value = 0xFFFFFFFF
    for octet in data:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF
