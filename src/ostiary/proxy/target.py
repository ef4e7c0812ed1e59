"""One instance of an upstream: where it is, its connections, and whether it is used at the moment."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlsplit

from ostiary.config.addresses import port_of
from ostiary.proxy.row import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from ostiary.config.model import Upstream
    from ostiary.proxy.exchange import Exchange
    from ostiary.proxy.pool import UpstreamPool
    from ostiary.proxy.upstream import UpstreamConnection

    _Protocol = TypeVar("_Protocol", bound=asyncio.Protocol)


class Target:
    """One instance. Times are monotonic seconds."""

    def __init__(self, url: str, upstream: Upstream, pool: UpstreamPool) -> None:
        parts = urlsplit(url)
        self.name = parts.netloc
        self.host = cast("str", parts.hostname)
        self.port = port_of(parts)
        self.first_byte_timeout = upstream.first_byte_timeout
        self.header_bytes = upstream.header_bytes
        self.read_timeout = upstream.read_timeout
        self.idle: list[UpstreamConnection] = []
        self.open = 0
        """Connections that exist or are being made."""
        self.row = Row()
        self.out_until = 0.0
        """Until when this target is left out while another is up: at rest, or, for ever, down."""
        self.down = False
        """Whether it fails its health checks."""
        self.pool = pool
        self.metrics = pool.metrics.target(self.name)
        self._rests_until = 0.0
        self._tls = pool.tls
        self._server_name = None if pool.tls is None else (upstream.tls and upstream.tls.server_name) or self.host

    @property
    def load(self) -> int:
        """Requests of this worker that it is at."""
        return self.open - len(self.idle)

    async def open_connection(self, protocol: Callable[[], _Protocol]) -> _Protocol:
        """Open a connection. A name is resolved each time, so that it may move. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(
            protocol, self.host, self.port, ssl=self._tls, server_hostname=self._server_name
        )
        return made

    def rest(self, until: float) -> None:
        """Leave this target out until then."""
        self._rests_until = until
        self._settle()

    def recovered(self, mono: float) -> None:
        """Take note of a good answer."""
        self.row.good(mono)
        self.rest(0.0)

    def judged(self, *, up: bool) -> None:
        """Take note of what the health checks found."""
        self.down = not up
        self._settle()

    def failed(self, exchange: Exchange) -> None:
        """Count a failure of this target to answer `exchange`."""
        self.pool.target_failed(self, exchange)

    def lost(self, connection: UpstreamConnection) -> None:
        """Forget a connection that is closed."""
        self.pool.connection_lost(self, connection)

    def _settle(self) -> None:
        self.out_until = inf if self.down else self._rests_until
