from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from ostiary.observe.diagnostics import PER_SECOND, DiagnosticHandler, log_unraisable
from ostiary.observe.sink import Sink
from ostiary.observe.writer import LineWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """Attach a handler to the logger `tests.diagnostics`, on a clock that stands still; return its reader."""
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    writer = LineWriter(Sink(str(tmp_path / "log")))
    logger = logging.getLogger("tests.diagnostics")
    logger.propagate = False
    monkeypatch.setattr(logger, "handlers", [DiagnosticHandler(writer, 3)])

    def read() -> list[dict[str, Any]]:
        writer.close()
        return [msgspec.json.decode(line) for line in (tmp_path / "log").read_bytes().splitlines()]

    return read


async def test_a_warning_is_one_line(lines: Callable[[], list[dict[str, Any]]]) -> None:
    logger = logging.getLogger("tests.diagnostics")
    logger.warning("lost %s\n of them", 3)
    logger.info("not worth a line")
    (line,) = lines()
    assert line.pop("time").endswith("Z")
    assert line == {"level": "WARNING", "logger": "tests.diagnostics", "message": "lost 3\n of them", "worker": 3}


async def test_a_traceback_keeps_its_end(lines: Callable[[], list[dict[str, Any]]]) -> None:
    try:
        int("x")
    except ValueError:
        logging.getLogger("tests.diagnostics").exception("failed")
    (line,) = lines()
    assert line["trace"].endswith("ValueError: invalid literal for int() with base 10: 'x'")


async def test_a_flood_is_held_back(lines: Callable[[], list[dict[str, Any]]]) -> None:
    for _ in range(1000):
        logging.getLogger("tests.diagnostics").warning("again")
    assert len(lines()) == PER_SECOND


async def test_warnings_of_other_threads_are_only_counted(lines: Callable[[], list[dict[str, Any]]]) -> None:
    logger = logging.getLogger("tests.diagnostics")
    await asyncio.to_thread(logger.warning, "elsewhere")
    logger.warning("here")
    (line,) = lines()
    assert (line["message"], line["suppressed"]) == ("here", 1)


async def test_a_warning_that_cannot_be_put_into_words_still_counts(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    handler, *_ = logging.getLogger("tests.diagnostics").handlers
    handler.emit(logging.makeLogRecord({"levelno": logging.WARNING, "msg": "%d", "args": ("not a number",)}))
    assert lines()[0]["message"] == "%d"


def test_what_python_could_raise_nowhere_is_a_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bad:
        def __del__(self) -> None:
            raise ValueError("at the end")

    monkeypatch.setattr(sys, "unraisablehook", log_unraisable)
    Bad()
    (record,) = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)
