"""Buckets shared through Valkey or Redis, counted by one atomic script on the server's clock.

Importing this costs the client library (19 MB): import it only when a store is configured.
"""

from __future__ import annotations

import zlib
from asyncio import gather
from typing import TYPE_CHECKING, Final

from ostiary.limit.bucket import charge
from ostiary.stores.address import parse_address
from ostiary.stores.lane import Lane
from ostiary.stores.line import open_line
from ostiary.stores.protocol import StoreMisconfigured
from ostiary.stores.script import decode

if TYPE_CHECKING:
    from ostiary.config.model import Store
    from ostiary.stores.protocol import Taken

PARTITIONS: Final = 16
"""Hash slots into which a cluster's keys are gathered, each with calls of its own: a script's keys must share one."""


class ValkeyStore:
    """A `LimitStore` in one server, a Sentinel's, or a cluster.

    A take lasts no longer than `command_timeout` from when it was asked, and whoever asks together fails together. With
    one call out at a time, an answer takes up to two round trips: `command_timeout` should be well above that.
    Raises `StoreMisconfigured` for a URL that cannot be used.
    """

    def __init__(self, settings: Store) -> None:
        try:
            address = parse_address(settings.url.get_secret_value().decode())
        except ValueError as error:
            raise StoreMisconfigured(str(error)) from None
        self._line: Final = open_line(address, settings.connect_timeout)
        tags = [f"{{p{n:02}}}:" for n in range(PARTITIONS)] if address.kind == "cluster" else [""]
        self._prefixes: Final = [f"{settings.prefix}:{tag}" for tag in tags]
        self._lanes: Final = [
            Lane(self._line, f"{prefix}probe", settings.command_timeout, settings.connect_timeout, str(address))
            for prefix in self._prefixes
        ]

    async def start(self) -> None:
        """See `LimitStore.start`."""
        for outcome in await gather(*(lane.start() for lane in self._lanes), return_exceptions=True):
            if outcome is not None:
                await self.close()
                raise outcome

    async def take(self, key: str, rate: float, burst: int, cost: float, mono: float) -> Taken:  # noqa: ARG002  # the protocol's signature
        """See `LimitStore.take`. The server's clock counts, whatever `mono` is."""
        partition = zlib.crc32(key.encode()) % len(self._lanes) if len(self._lanes) > 1 else 0
        cost = charge(cost, burst)
        millionths = await self._lanes[partition].ask(self._prefixes[partition] + key, rate, burst, cost)
        return decode(millionths, rate, burst, cost)

    def take_now(self, key: str, rate: float, burst: int, cost: float, mono: float) -> None:
        """See `LimitStore.take_now`: the server has to be waited for."""

    def healthy(self) -> bool:
        """See `LimitStore.healthy`."""
        return all(lane.up for lane in self._lanes)

    async def close(self) -> None:
        """See `LimitStore.close`."""
        await gather(*(lane.close() for lane in self._lanes))
        await self._line.close()
