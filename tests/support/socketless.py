"""A gateway without a socket: pieces are put in by hand at either end, and what would be sent is kept.

Nothing here waits, and the time stands still. So a request takes the same steps each time, and they can be counted.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from ostiary.config.model import Config
from ostiary.gateway import Gateway
from ostiary.observe.access_log import AccessLog
from ostiary.observe.metrics import Metrics
from ostiary.observe.security_log import SecurityLog
from ostiary.observe.sink import Sink
from ostiary.observe.writer import LineWriter
from ostiary.proxy.target import Target
from ostiary.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    import pytest

    from ostiary.proxy.client import ClientConnection
    from ostiary.proxy.upstream import UpstreamConnection
    from tests.support.documents import Document


class KeptTransport(asyncio.Transport):
    """Sends nothing. `written` are the very objects that it was given."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 54321)})
        self.written: list[object] = []
        self.closed = False
        self.reading = True

    def pause_reading(self) -> None:
        """Only note it."""
        self.reading = False

    def resume_reading(self) -> None:
        """Only note it."""
        self.reading = True

    def write(self, data: object) -> None:
        """Keep `data`."""
        self.written.append(data)

    def writelines(self, list_of_data: Iterable[object]) -> None:
        """Keep all of them."""
        self.written += list_of_data

    def take(self) -> bytes:
        """Return all that was written since the last time."""
        written, self.written = self.written, []
        return b"".join(cast("list[bytes]", written))

    def can_write_eof(self) -> bool:
        """As a connection without TLS."""
        return True

    def write_eof(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Only note it."""
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        """Return whether it was closed."""
        return self.closed


class Socketless:
    """What `socketless` yields: one connection of a client, and one to the upstream as soon as there is one."""

    def __init__(self, client: ClientConnection) -> None:
        self.client = client
        self.to_client = KeptTransport()
        self.to_upstream = KeptTransport()
        self.upstream: UpstreamConnection
        client.connection_made(self.to_client)

    async def first(self, request: bytes, answer: bytes) -> bytes:
        """Have the first request answered, for which the gateway makes its connection; return what the client gets."""
        self.client.data_received(request)
        while not self.to_upstream.written:  # noqa: ASYNC110  # a task of the pool's brings it about, and tells nobody
            await asyncio.sleep(0)
        self.upstream.data_received(answer)
        self.to_upstream.take()
        return self.to_client.take()

    def ask(self, request: bytes, answer: bytes = b"") -> None:
        """Have a request answered at once: by the upstream with `answer`, or by the gateway itself.

        What was written before is forgotten.
        """
        self.to_client.written.clear()
        self.to_upstream.written.clear()
        self.client.data_received(request)
        if answer:
            self.upstream.data_received(answer)


@asynccontextmanager
async def socketless(
    document: Document, folder: Path, monkeypatch: pytest.MonkeyPatch, *, logs: bool = False
) -> AsyncIterator[Socketless]:
    """Run the gateway of `document`, with an access log if `logs`, for as long as the block lasts."""
    metrics, now, mono = Metrics(), time.time(), time.monotonic()
    writers = [LineWriter(Sink(str(folder / name))) for name in ("access.log", "security.log")]
    gateway = Gateway(
        Config.model_validate(document), MemoryStore(), metrics, AccessLog(writers[0]) if logs else None,
        SecurityLog(writers[1], metrics), wall=lambda: now, monotonic=lambda: mono,
    )  # fmt: skip
    await gateway.prepare()
    ends = Socketless(gateway.door.connection())

    async def open_connection(_: Target, protocol: Callable[[], UpstreamConnection]) -> UpstreamConnection:
        ends.upstream = protocol()
        ends.upstream.connection_made(ends.to_upstream)
        return ends.upstream

    monkeypatch.setattr(Target, "open_connection", open_connection)
    try:
        yield ends
    finally:
        await gateway.drain(0.0)
        for writer in writers:
            writer.close()
