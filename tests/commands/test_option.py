from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner

from ostiary.cli import cli

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS: Final = {"check": [], "serve": [], "explain": ["GET", "/"]}


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def said(command: str, path: Path) -> str:
    """What a command says of a configuration that it cannot use; each ends with 2."""
    result = CliRunner().invoke(cli, [command, "--config", str(path), *COMMANDS[command]])
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr


def test_of_a_file_that_is_not_there(command: str, tmp_path: Path) -> None:
    path = tmp_path / "absent.yaml"
    assert said(command, path) == f"{path}: cannot be read: No such file or directory\n"


def test_of_a_folder(command: str, tmp_path: Path) -> None:
    assert said(command, tmp_path) == f"{tmp_path}: cannot be read: Is a directory\n"


def test_of_a_file_that_it_may_not_read(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text("{}")

    def refuse(*_: object) -> None:
        # As the system does; it lets root, as whom tests may run, read everything.
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    monkeypatch.setattr("os.access", lambda *_: False)
    assert said(command, path) == f"{path}: cannot be read: Permission denied\n"


@pytest.mark.parametrize("content", ["", "# nothing\n"])
def test_of_an_empty_file(command: str, tmp_path: Path, content: str) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text(content)
    assert said(command, path) == f"{path}:1:1: is empty (write key: value, beginning with upstreams and routes)\n"
