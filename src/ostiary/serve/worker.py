"""A worker process: ``python -m ostiary.serve.worker FD``, started by the supervisor at the other end of that socket.

It imports no more than a gateway needs. The configuration comes through the socket, never by arguments or environment,
where others could read its secrets.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from typing import TYPE_CHECKING

import msgspec
import uvloop

from ostiary.gateway import Gateway
from ostiary.observe import diagnostics, families
from ostiary.observe.access_log import AccessLog
from ostiary.observe.metrics import Metrics
from ostiary.observe.security_log import STORE_RECOVERED, STORE_UNAVAILABLE, SecurityLog
from ostiary.observe.sink import Sink
from ostiary.observe.writer import LineWriter
from ostiary.serve.channel import worker_end
from ostiary.serve.messages import STATUS_SECONDS, Collect, Collected, Drain, Failed, Ready, Start, Status, load_config
from ostiary.serve.settle import settle
from ostiary.stores.memory import MemoryStore
from ostiary.stores.protocol import StoreMisconfigured

if TYPE_CHECKING:
    from ostiary.config.model import Config
    from ostiary.serve.channel import WorkerEnd
    from ostiary.stores.protocol import LimitStore


class CannotLog(Exception):
    """A log cannot be opened. The text is for the operator and names every such log by its key."""


class Worker:
    """One gateway with its logs and metrics, and the supervisor at the other end of `channel`."""

    def __init__(self, channel: WorkerEnd, config: Config, index: int) -> None:
        self._channel = channel
        self._config = config
        self._metrics = metrics = Metrics()
        self._writers = {"diagnostics": LineWriter(Sink("stderr"))}
        diagnostics.install(self._writers["diagnostics"], index)
        access, access_log = config.observe.access_log, None
        targets = {"security": config.observe.security_log.path}
        if access.mode != "off":
            targets["access"] = access.path
        self._open(targets)
        if access.mode != "off":
            sample = access.sample if access.mode == "sampled" else 1.0
            access_log = AccessLog(self._writers["access"], sample)
        self._security_log = SecurityLog(self._writers["security"], metrics)
        metrics.on_snapshot(self._collect)
        self._gateway = Gateway(config, _store(config), metrics, access_log, self._security_log)

    async def run(self) -> None:
        """Serve until told to drain, by the supervisor, its death or SIGTERM."""
        try:
            await self._gateway.start()
            settle()
            self._channel.send(Ready())
            drains = asyncio.Queue[float]()
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTERM, drains.put_nowait, self._config.server.drain)
            helpers = [asyncio.create_task(self._beat()), asyncio.create_task(self._obey(drains))]
            seconds = await drains.get()
            helpers.append(asyncio.create_task(self._hurry(drains)))
            await self._gateway.drain(seconds)
            for helper in helpers:
                helper.cancel()
            self._channel.send(Collected(self._metrics.snapshot()))
        finally:
            for writer in self._writers.values():
                writer.close()

    async def _obey(self, drains: asyncio.Queue[float]) -> None:
        """Answer the supervisor; to `drains` go the seconds that open requests have, once there is reason to stop."""
        while (message := await self._channel.receive()) is not None:
            match message:
                case Collect():
                    self._channel.send(Collected(self._metrics.snapshot()))
                case Drain(seconds):
                    drains.put_nowait(seconds)
                case Start():
                    pass
        drains.put_nowait(
            self._config.server.drain
        )  # without a supervisor nobody would restart this worker, or stop it

    async def _hurry(self, drains: asyncio.Queue[float]) -> None:
        """Take further orders to drain: open requests have until the first of their ends."""
        while True:
            asyncio.get_running_loop().call_later(await drains.get(), self._gateway.cut)

    async def _beat(self) -> None:
        """Tell the supervisor how things are, and notice how late that is."""
        loop = asyncio.get_running_loop()
        worst, store = self._metrics.loop_lag_max, self._metrics.gauge(families.STORE_HEALTHY)
        store.value = 1
        while True:
            status, wall, mono = self._gateway.status(), time.time(), time.monotonic()
            self._channel.send(msgspec.convert(status, Status, from_attributes=True))
            if store.value != status.store_healthy:
                store.value = int(status.store_healthy)
                self._security_log.write(STORE_RECOVERED if status.store_healthy else STORE_UNAVAILABLE, wall, mono)
            self._security_log.tell_suppressed(wall, mono)
            due = loop.time() + STATUS_SECONDS
            await asyncio.sleep(STATUS_SECONDS)
            worst.value = max(worst.value, loop.time() - due)

    def _open(self, targets: dict[str, str]) -> None:
        faults = []
        for log, target in targets.items():
            try:
                self._writers[log] = LineWriter(Sink(target))
            except OSError as error:
                faults.append(f"observe.{log}_log.path: {target} cannot be opened: {error.strerror}")
        if faults:
            raise CannotLog("; ".join(sorted(faults)))

    def _collect(self) -> None:
        for log, writer in self._writers.items():
            self._metrics.counter(families.LOG_DROPPED, log).value = writer.dropped


def _store(config: Config) -> LimitStore:
    if config.store is None:
        return MemoryStore()
    # The client for Valkey costs a third of a second and 19 MB: only a worker that needs it pays.
    from ostiary.stores.valkey import ValkeyStore  # noqa: PLC0415  # as it says above

    return ValkeyStore(config.store)


async def _main(fd: int) -> int:
    channel = await worker_end(fd)
    start = await channel.receive()
    if not isinstance(start, Start):
        return 1
    try:
        await Worker(channel, load_config(start.config), start.index).run()
    except OSError as error:
        channel.send(Failed(f"{error.strerror}: {error.filename}" if error.filename else str(error)))
        return 1
    except (CannotLog, StoreMisconfigured) as error:
        channel.send(Failed(str(error)))
        return 1
    finally:
        await channel.close()
    return 0


if __name__ == "__main__":
    # Both reach the whole process group from a terminal; what they mean is the supervisor's to decide.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.exit(uvloop.run(_main(int(sys.argv[1]))))
