"""Writing several pieces at once: small ones as one, so that they cost one write; large ones as they are, uncopied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

_LARGE: Final = 16 * 1024
"""Octets from which on a copy costs more than the transport's handling of several pieces."""


def write_pieces(transport: asyncio.Transport, pieces: list[bytes]) -> None:
    """Write all `pieces`, of which there is at least one, in their order."""
    if len(pieces) == 1:
        transport.write(pieces[0])
    elif sum(map(len, pieces)) < _LARGE:
        transport.write(b"".join(pieces))
    else:
        transport.writelines(pieces)
