"""A gateway inside the test process, on an ephemeral port, with its logs and metrics to look at."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from ostiary.config.model import Config
from ostiary.gateway import Gateway
from ostiary.observe.access_log import AccessLog
from ostiary.observe.metrics import Metrics
from ostiary.observe.security_log import SecurityLog
from ostiary.observe.sink import Sink
from ostiary.observe.writer import LineWriter
from ostiary.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from ostiary.stores.protocol import LimitStore
    from tests.support.documents import Document


class RunningGateway(msgspec.Struct, frozen=True):
    """A started gateway and what it is connected to."""

    gateway: Gateway
    metrics: Metrics
    access_log: Path
    security_log: Path

    @property
    def port(self) -> int:
        return self.gateway.port


@asynccontextmanager
async def running_gateway(
    document: Document,
    folder: Path,
    *,
    store: LimitStore | None = None,
    wall: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> AsyncIterator[RunningGateway]:
    """Run the gateway of `document` for as long as the block lasts, its logs in `folder`.

    The clocks may be the test's own. The logs are whole once the block has ended; `logged` reads them.
    """
    config = Config.model_validate(document)
    metrics = Metrics()
    access, security = folder / "access.log", folder / "security.log"
    writers = [LineWriter(Sink(str(path))) for path in (access, security)]
    gateway = Gateway(
        config,
        store or MemoryStore(),
        metrics,
        AccessLog(writers[0]),
        SecurityLog(writers[1], metrics),
        wall=wall,
        monotonic=monotonic,
    )
    try:
        await gateway.start()
        yield RunningGateway(gateway, metrics, access, security)
    finally:
        await gateway.drain(0.0)
        for writer in writers:
            writer.close()


def logged(path: Path) -> list[dict[str, object]]:
    """Return the records of a JSON log."""
    return [msgspec.json.decode(line, type=dict[str, object]) for line in path.read_bytes().splitlines()]
