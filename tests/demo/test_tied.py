from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from ostiary.demo import tied

SLEEPER = "import signal; print('up', flush=True); signal.pause()"


def test_the_command_takes_the_place_of_the_process() -> None:
    command = [sys.executable, "-m", "ostiary.demo.tied", str(os.getpid()), sys.executable, "-c", "print(5)"]
    assert subprocess.run(command, capture_output=True, check=True, timeout=20).stdout == b"5\n"


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG")
def test_the_command_dies_with_a_parent_that_is_killed() -> None:
    """The pipe that only the sleeper still holds ends when it dies."""
    command = ["-m", "ostiary.demo.tied", "PARENT", sys.executable, "-c", SLEEPER]
    parent = (
        "import os, signal, subprocess, sys; "
        f"command = [str(os.getpid()) if word == 'PARENT' else word for word in {command}]; "
        "subprocess.Popen([sys.executable, *command]); signal.pause()"
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
        tied.main(1 if os.getppid() != 1 else 2, ["/bin/false"])
