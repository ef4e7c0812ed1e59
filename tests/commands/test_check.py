from __future__ import annotations

import os
import pty
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import pytest
from click.testing import CliRunner

from ostiary.cli import cli
from tests.support.configuration import sound

if TYPE_CHECKING:
    from pathlib import Path

BAD = sound(server="{workers: 0, drane: 5s}")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ostiary.yaml"


def test_nothing_wrong_is_zero(file: Path) -> None:
    file.write_text(sound())
    result = CliRunner().invoke(cli, ["check", "--config", str(file)])
    assert (result.exit_code, result.stdout) == (0, f"{file}: ok: 1 issuer, 1 upstream, 1 route, 0 limits\n")


def test_problems_are_two_and_one_line_each_for_a_pipe(file: Path) -> None:
    file.write_text(BAD)
    result = CliRunner().invoke(cli, ["check", "--config", str(file)])
    assert result.exit_code == 2
    assert result.stdout == ""
    places = [line.split(": ")[:2] for line in result.stderr.splitlines()]
    assert places == [[f"{file}:7:10", "server.workers"], [f"{file}:7:22", "server.drane"]]
    assert "did you mean drain?" in result.stderr


def test_json_is_for_machines(file: Path) -> None:
    file.write_text(BAD)
    result = CliRunner().invoke(cli, ["check", "--json", "--config", str(file)])
    answer = msgspec.json.decode(result.stdout)
    assert (result.exit_code, answer["ok"], result.stderr) == (2, False, "")
    assert answer["problems"][1] == {
        "file": str(file),
        "line": 7,
        "column": 22,
        "path": "server.drane",
        "message": "is not a known key",
        "hint": "did you mean drain?",
    }
    file.write_text(sound())
    result = CliRunner().invoke(cli, ["check", "--json", "--config", str(file)])
    assert (result.exit_code, msgspec.json.decode(result.stdout)) == (0, {"ok": True, "problems": []})


def test_a_missing_file_is_a_problem_without_a_traceback(file: Path) -> None:
    result = CliRunner().invoke(cli, ["check", "--config", str(file)])
    assert (result.exit_code, result.stderr) == (2, f"{file}: cannot be read: No such file or directory\n")


def test_the_default_is_ostiary_yaml(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(sound())
    monkeypatch.chdir(file.parent)
    assert CliRunner().invoke(cli, ["check"]).exit_code == 0


def test_the_environment_is_used(file: Path) -> None:
    file.write_text(sound(server="{workers: '${COUNT_OF_WORKERS}'}"))
    arguments = ["check", "--config", str(file)]
    assert CliRunner().invoke(cli, arguments, env={"COUNT_OF_WORKERS": "2"}).exit_code == 0
    assert CliRunner().invoke(cli, arguments).exit_code == 2


def test_a_person_is_shown_what_to_do(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(BAD + '"\\e[2J": 1\n')
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with pytest.raises(SystemExit) as caught:
            cli(["check", "--config", str(file)])
    shown = _all_of(leader)
    assert caught.value.code == 2
    assert "did you mean drain?" in shown
    assert "3 problems" in shown
    assert "\x1b[2J" not in shown


def _all_of(leader: int) -> str:
    """Return what was written to a terminal that is closed; its reader learns of that by an error."""
    shown = b""
    with suppress(OSError):
        while piece := os.read(leader, 65536):
            shown += piece
    os.close(leader)
    return shown.decode()
