from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from ostiary.cli import COMMANDS, cli


def ostiary(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ostiary", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: cli {name} ")


def test_help_lists_the_commands_and_imports_none() -> None:
    code = (
        "import sys; from ostiary.cli import main\n"
        "try: main(['--help'])\n"
        "finally: print([m for m in sys.modules if m.startswith(('ostiary.', 'pydantic', 'rich', 'uvloop'))])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    listed, imported = result.stdout.rsplit("\n", 2)[0], result.stdout.splitlines()[-1]
    assert imported == "['ostiary.streams', 'ostiary.cli']"
    assert all(f"  {name} " in listed and summary in listed for name, summary in COMMANDS.items())


def test_version() -> None:
    result = ostiary("--version")
    assert result.returncode == 0
    assert result.stdout.split()[-1][0].isdigit()


@pytest.mark.parametrize("arguments", [["nonsense"], ["serve", "--nonsense"], ["check", "extra"]])
def test_wrong_usage_is_two(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli, arguments).exit_code == 2


@pytest.mark.parametrize("command", [["serve"], ["check"], ["explain", "GET", "/"]])
def test_a_bad_configuration_is_two_without_a_traceback(command: list[str]) -> None:
    result = ostiary(command[0], "--config", "/nonexistent/ostiary.yaml", *command[1:])
    assert result.returncode == 2
    assert result.stderr == "/nonexistent/ostiary.yaml: cannot be read: No such file or directory\n"
