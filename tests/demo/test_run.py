from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from rich.console import Console

from ostiary.demo import run as module
from ostiary.demo.gateway_process import GatewayFailed
from ostiary.demo.run import run
from ostiary.demo.telling import Telling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from ostiary.demo.configuration import Addresses


class Stage:
    """Stands in for the gateway process and the tour, and records what they were given."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.config: Path | None = None
        self.refuses = ""
        self.surprised = [False, False]

    @contextlib.asynccontextmanager
    async def process(self, command: Sequence[str], _log: Path) -> AsyncIterator[Stage]:
        self.config = Path(command[-1])
        assert self.config.read_text().startswith("# Written by")
        self.events.append("started")
        yield self
        self.events.append("stopped")

    async def ready(self, url: str, deadline: float) -> None:
        assert url.endswith("/health/ready")
        assert deadline > 0
        if self.refuses:
            raise GatewayFailed(self.refuses)

    async def tour(self, at: Addresses, _show: Callable[..., None]) -> list[bool]:
        async with aiohttp.ClientSession() as session:
            for url in (f"{at.provider}/jwks", f"{at.echo}/x"):
                async with session.get(url) as answer:
                    assert answer.status == 200
        self.events.append("toured")
        return self.surprised


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage()
    monkeypatch.setattr(module, "gateway_process", stage.process)
    monkeypatch.setattr(module, "tour", stage.tour)
    return stage


def recording() -> Console:
    return Console(record=True, width=120, file=io.StringIO())


async def test_once_ends_after_the_tour_and_leaves_nothing(stage: Stage) -> None:
    assert await run(Telling(recording()), once=True, workers=2) == 0
    assert stage.events == ["started", "toured", "stopped"]
    assert stage.config is not None
    assert not stage.config.parent.exists()


async def test_a_surprise_is_the_exit_code(stage: Stage) -> None:
    stage.surprised = [False, True]
    assert await run(Telling(recording()), once=True, workers=2) == 1


async def test_a_gateway_that_does_not_start_is_told_with_its_log(stage: Stage) -> None:
    stage.refuses = "The gateway stopped while starting.\nline of its log"
    console = recording()
    assert await run(Telling(console), once=True, workers=2) == 1
    assert "line of its log" in console.export_text()
    assert stage.events == ["started", "stopped"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_it_stays_up_until_it_is_told_to_stop(stage: Stage, number: int) -> None:
    console = recording()
    told = asyncio.Event()
    telling = Telling(console)
    farewell = telling.farewell

    def said(at: Addresses, path: Path) -> None:
        farewell(at, path)
        told.set()

    telling.farewell = said  # type: ignore[method-assign]  # to hear of the call
    task = asyncio.create_task(run(telling, once=False, workers=2))
    await told.wait()
    assert stage.events == ["started", "toured"]
    os.kill(os.getpid(), number)
    assert await task == 0
    assert stage.events == ["started", "toured", "stopped"]
    assert stage.config is not None
    assert not stage.config.parent.exists()


async def test_where_hangups_are_ignored_they_stay_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    handled: list[int] = []
    monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", lambda number, _: handled.append(number))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert await run(Telling(recording()), once=True, workers=2) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert handled == [signal.SIGINT, signal.SIGTERM]
    assert stage.events == ["started", "toured", "stopped"]
