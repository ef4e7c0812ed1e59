from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, cast

from ostiary.observe.sink import Sink
from ostiary.observe.writer import LineWriter

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Hung:
    """A sink that takes nothing until it is released."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()
        self.lines: list[bytes] = []

    def write(self, lines: list[bytes]) -> int:
        self.entered.set()
        self.release.wait(10)
        self.lines += lines
        return 0

    def close(self) -> None:
        pass


async def test_lines_reach_the_file_in_order_by_the_time_it_is_closed(tmp_path: Path) -> None:
    writer = LineWriter(Sink(str(tmp_path / "log")))
    lines = [b"%d\n" % number for number in range(30_000)]
    for line in lines:
        writer.write(line)
    writer.close()
    assert (tmp_path / "log").read_bytes() == b"".join(lines)
    assert writer.dropped == 0


async def test_a_lone_line_is_written_without_waiting_for_more() -> None:
    hung = Hung()
    writer = LineWriter(cast("Sink", hung))
    writer.write(b"alone\n")
    assert await asyncio.to_thread(hung.entered.wait, 10)
    hung.release.set()
    writer.close()
    assert hung.lines == [b"alone\n"]


async def test_a_hung_sink_costs_lines_and_bounded_memory_and_no_time() -> None:
    """Case L5: the event loop goes on, what does not fit is dropped and counted, what fits is written later."""
    hung = Hung()
    writer = LineWriter(cast("Sink", hung), backlog=200_000)
    line = b"x" * 999 + b"\n"
    for _ in range(1000):
        writer.write(line)
    writer.flush()
    assert 800 <= writer.dropped < 1000
    hung.release.set()
    writer.close()
    assert len(hung.lines) + writer.dropped == 1000


async def test_closing_does_not_wait_for_a_hung_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ostiary.observe.writer._CLOSE_SECONDS", 0.01)
    hung = Hung()
    writer = LineWriter(cast("Sink", hung))
    writer.write(b"lost\n")
    writer.close()
    hung.release.set()


async def test_a_failing_sink_is_counted() -> None:
    """Case FD1."""
    writer = LineWriter(Sink("/dev/full"))
    for _ in range(10):
        writer.write(b"line\n")
    writer.close()
    assert writer.dropped == 10
