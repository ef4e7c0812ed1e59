"""The demo as a person runs it: one command, a real gateway with several workers, and nothing left afterwards."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.real
DEMO = (sys.executable, "-m", "ostiary", "demo")


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the demo as the leader of a process group, as a shell does; end it if the test has not."""
    environment = {**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}
    command = [*DEMO, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, process_group=0
    ) as demo:
        try:
            yield demo
        finally:
            demo.terminate()


def read_until(output: IO[str], words: str) -> str:
    seen = ""
    for line in output:
        seen += line
        if words in line:
            return seen
    raise AssertionError(seen)


def offspring(pid: int) -> list[int]:
    """Return descriptors of every process that descends from this one."""
    children: dict[int, list[int]] = {}
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            parent = (each / "stat").read_text().rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(each.name))
    found = [pid]
    for each_pid in found:
        found += children.get(each_pid, ())
    return [os.pidfd_open(each_pid) for each_pid in found[1:]]


def has_ended(process: int, seconds: float = 20.0) -> bool:
    """Wait for the process of a descriptor to end."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    ended = bool(poll.poll(seconds * 1000))
    os.close(process)
    return ended


def test_the_tour_is_without_surprises() -> None:
    with running("--once") as demo:
        output, _ = demo.communicate(timeout=50)
    assert demo.returncode == 0, output
    assert "all 13 steps as expected" in output
    assert "DEVELOPMENT ONLY" in output
    assert "✗" not in output


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_nothing_is_left(how: signal.Signals) -> None:
    with running() as demo:
        assert demo.stdout is not None
        told = read_until(demo.stdout, "Ctrl-C ends it")
        config = re.search(r"config +(/\S+/ostiary\.yaml)", told)
        assert config is not None
        processes = offspring(demo.pid)
        assert len(processes) >= 4  # the supervisor, two workers, the store
        os.killpg(demo.pid, how)
        demo.stdout.read()
    assert all(map(has_ended, processes))
    folder = Path(config[1]).parent
    if how is signal.SIGKILL:
        shutil.rmtree(folder)  # of what was killed, only the files can be left
    else:
        assert demo.returncode == 0
        assert not folder.exists()


def test_a_gateway_that_cannot_start_is_told_with_its_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "uvloop.py").write_text("raise ImportError('no loop today')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with running("--once") as demo:
        output, _ = demo.communicate(timeout=50)
    assert demo.returncode == 1
    assert "the demo could not start" in output
    assert "no loop today" in output
