from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from ostiary.observe.metrics import Metrics
from ostiary.observe.security_log import SecurityLog
from ostiary.observe.sink import Sink
from ostiary.observe.writer import LineWriter
from ostiary.tls.material import Unusable
from ostiary.tls.renewal import Renewal, Watched
from tests.support.gateway import logged
from tests.support.moments import Moments

if TYPE_CHECKING:
    from pathlib import Path


class Renewed:
    """Something that counts how often it was renewed, and fails as it is told."""

    def __init__(self) -> None:
        self.times = 0
        self.error: Exception | None = None
        self.called = threading.Event()

    def renew(self) -> None:
        self.times += 1
        self.called.set()
        if self.error is not None:
            raise self.error


def test_a_change_is_seen_once_it_rests(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    watched = Watched("listener", Renewed(), [str(one), str(two)])
    assert [watched.settled() for _ in range(2)] == [False, False]
    one.write_text("22")
    assert not watched.settled()
    two.write_text("2")  # the second half comes late: wait for all of it
    assert not watched.settled()
    assert watched.settled()
    assert not watched.settled()
    one.unlink()
    assert [watched.settled() for _ in range(3)] == [False, True, False]


def test_a_link_that_is_moved_is_a_change(tmp_path: Path) -> None:
    """As secrets are put in place by orchestrators: the folder behind a link is another one."""
    for version in "ab":
        (tmp_path / version).mkdir()
        (tmp_path / version / "tls.crt").write_text("same")
    (tmp_path / "now").symlink_to("a")
    watched = Watched("listener", Renewed(), [str(tmp_path / "now" / "tls.crt")])
    (tmp_path / "next").symlink_to("b")
    (tmp_path / "next").rename(tmp_path / "now")
    assert [watched.settled() for _ in range(3)] == [False, True, False]


def test_what_came_and_went_is_no_change(tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.write_text("1")
    watched = Watched("listener", Renewed(), [str(path)])
    path.rename(tmp_path / "away")
    assert not watched.settled()
    (tmp_path / "away").rename(path)
    assert [watched.settled() for _ in range(3)] == [False] * 3


@pytest.mark.parametrize(
    "error,event,detail",
    [
        (None, "certificates_changed", "listener: loaded"),
        (Unusable("key", "is none", "hint"), "certificates_unusable", "listener: key is none"),
        (OSError("/secret/path"), "certificates_unusable", "listener: cannot be loaded"),
    ],
)
async def test_what_is_told(tmp_path: Path, error: Exception | None, event: str, detail: str) -> None:
    clock, log = Moments(), tmp_path / "log"
    writer = LineWriter(Sink(str(log)))
    renewal = Renewal(5.0, SecurityLog(writer, Metrics()), clock, clock)
    renewed = Renewed()
    renewed.error = error
    await renewal.renew(Watched("listener", renewed, []))
    writer.close()
    (record,) = logged(log)
    assert (renewed.times, record["event"], record["detail"]) == (1, event, detail)


async def test_it_looks_by_itself(tmp_path: Path) -> None:
    path, clock = tmp_path / "one", Moments()
    writer = LineWriter(Sink(str(tmp_path / "log")))
    renewal = Renewal(0.001, SecurityLog(writer, Metrics()), clock, clock)
    renewal.watch("nothing", Renewed(), [])
    needed = [renewal.needed]
    renewed = Renewed()
    renewal.watch("listener", renewed, [str(path)])
    assert [*needed, renewal.needed] == [False, True]
    running = asyncio.ensure_future(renewal.run())
    path.write_text("1")
    assert await asyncio.to_thread(renewed.called.wait, 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    writer.close()
    assert renewed.times == 1
