"""CRC-32C (RFC 9260 appendix A), the checksum that a PROXY header may carry. Nothing in the standard library has it."""

from __future__ import annotations

from functools import cache
from typing import Final

_POLYNOMIAL: Final = 0x82F63B78  # Castagnoli's, its bits reversed
_ONES: Final = 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """Return the checksum of `data`, an unsigned number of 32 bits. Costs about 60 ns an octet: bound what you give."""
    table = _table()
    value = _ONES
    for octet in data:
        value = table[(value ^ octet) & 0xFF] ^ (value >> 8)
    return value ^ _ONES


@cache
def _table() -> tuple[int, ...]:
    """What each octet does to a checksum. Made when it is first wanted: few ever want it."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)  # noqa: PLW2901  # the octet is worked off
        table.append(value)
    return tuple(table)
