from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys

import pytest

from ostiary import tied

SLEEPER = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"


def test_the_command_takes_the_place_of_the_process() -> None:
    command = tied.tied([sys.executable, "-c", "print(5)"])
    assert subprocess.run(command, capture_output=True, check=True, timeout=20).stdout == b"5\n"


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG")
@pytest.mark.parametrize("death, program", [(signal.SIGTERM, SLEEPER), (signal.SIGKILL, STUBBORN)])
def test_the_command_dies_with_a_parent_that_is_killed(death: signal.Signals, program: str) -> None:
    """The pipe that only the command still holds ends when it dies."""
    parent = (
        "import signal, subprocess, sys; from ostiary.tied import tied; "
        f"subprocess.Popen(tied([sys.executable, '-c', {program!r}], signal.Signals({int(death)}))); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.kill()
        assert process.stdout.read() == b""


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG")
def test_nothing_is_run_for_a_parent_already_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: type("C", (), {"prctl": staticmethod(lambda *_: 0)}))
    with pytest.raises(SystemExit, match="1"):
        tied.main(1 if os.getppid() != 1 else 2, signal.SIGTERM, ["/bin/false"])


def test_elsewhere_the_command_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert tied.tied(["/bin/true", "now"]) == ["/bin/true", "now"]
