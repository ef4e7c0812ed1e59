from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from ostiary.decision import reason
from ostiary.observe import families
from ostiary.observe.metrics import Metrics
from ostiary.observe.security_log import (
    ALL,
    KEYS_STALE,
    OF_KEY_EVENT,
    OF_REASON,
    PER_SECOND,
    TOKEN_INVALID,
    SecurityLog,
)
from ostiary.observe.sink import Sink
from ostiary.observe.writer import LineWriter

if TYPE_CHECKING:
    from pathlib import Path


class Logged:
    def __init__(self, path: Path) -> None:
        self.metrics = Metrics()
        self._path = path
        self._writer = LineWriter(Sink(str(path)))
        self.log = SecurityLog(self._writer, self.metrics)

    def lines(self) -> list[dict[str, Any]]:
        self._writer.close()
        return [msgspec.json.decode(line) for line in self._path.read_bytes().splitlines()]

    def counted(self, event: str) -> float:
        return self.metrics.snapshot().values[families.SECURITY_EVENTS.name][event,]


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    return Logged(tmp_path / "log")


async def test_an_event_is_one_line(logged: Logged) -> None:
    logged.log.write(TOKEN_INVALID, 0.5, 1.0, client="192.0.2.1", route="v1", reason="invalid_token")
    assert logged.lines() == [
        {
            "time": "1970-01-01T00:00:00.500000Z",
            "event": "token_invalid",
            "severity": "warning",
            "client": "192.0.2.1",
            "route": "v1",
            "reason": "invalid_token",
        }
    ]


async def test_a_storm_is_held_back_counted_and_told(logged: Logged) -> None:
    """Case L5."""
    for number in range(1000):
        logged.log.write(TOKEN_INVALID, 0.0, 10 + number / 2000)
    logged.log.write(KEYS_STALE, 0.0, 10.5)
    logged.log.write(TOKEN_INVALID, 0.0, 11.5)
    assert logged.counted("token_invalid") == 1001
    lines = logged.lines()
    assert [line["event"] for line in lines] == ["token_invalid"] * PER_SECOND + ["keys_stale", "token_invalid"]
    assert lines[-1]["suppressed"] == 1000 - PER_SECOND


async def test_what_was_held_back_is_told_when_the_storm_is_over(logged: Logged) -> None:
    for _ in range(100):
        logged.log.write(TOKEN_INVALID, 0.0, 10.0)
    logged.log.tell_suppressed(0.0, 10.9)
    logged.log.tell_suppressed(0.0, 11.0)
    logged.log.tell_suppressed(0.0, 12.0)
    lines = logged.lines()
    assert len(lines) == PER_SECOND + 1
    assert (lines[-1]["event"], lines[-1]["suppressed"]) == ("token_invalid", 100 - PER_SECOND)


def test_names_are_stable_words() -> None:
    names = [event.name for event in ALL]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)


def test_reasons_and_events_that_are_mapped_exist() -> None:
    assert set(OF_REASON) <= {entry.code for entry in reason.ALL}
    assert set(OF_REASON.values()) | set(OF_KEY_EVENT.values()) <= set(ALL)
