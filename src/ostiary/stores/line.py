"""How a command reaches the server.

A line carries one command at a time and sets it no deadline: whoever calls bounds it by cancelling, and a cancelled
command takes its connection with it, so that no reply is ever read by the wrong caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from ostiary.stores.direct import Direct

if TYPE_CHECKING:
    from ostiary.stores.address import Address

Command: TypeAlias = tuple[str | bytes | int | float, ...]


class Line(Protocol):
    """Sends one command and returns its reply."""

    async def call(self, command: Command) -> object:
        """Raises `Unscripted`, `StoreUnavailable` (of which `ConnectionLost`), or `StoreMisconfigured`."""

    async def close(self) -> None:
        """Close what is open. A later call opens it anew."""


def open_line(address: Address, connect_timeout: float) -> Line:
    """A line to `address`; nothing is sent yet. `connect_timeout` is seconds."""
    if address.kind in {"single", "unix"}:
        return Direct(address, connect_timeout)
    # A quarter of a second and 10 MB, which only a store of several servers is worth.
    from ostiary.stores.library import open_clustered, open_sentinel  # noqa: PLC0415

    return (open_clustered if address.kind == "cluster" else open_sentinel)(address, connect_timeout)
