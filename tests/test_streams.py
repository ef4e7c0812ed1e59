from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from ostiary import streams
from tests.support.documents import document
from tests.support.tokens import key

if TYPE_CHECKING:
    from collections.abc import Mapping

FULL = "Error: standard output cannot be written to: No space left on device.\n"
PLAIN = [{"NO_COLOR": "1"}, {"NO_COLOR": "false"}, {"TERM": "dumb"}]


@pytest.fixture
def configured(tmp_path: Path) -> str:
    path = tmp_path / "ostiary.yaml"
    path.write_text(yaml.safe_dump(document("http://127.0.0.1:9")))
    return str(path)


def ostiary(
    *arguments: str, stdout: int = subprocess.PIPE, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ostiary", *arguments]
    return subprocess.run(
        command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, env={**os.environ, **(environ or {})}
    )


def on_a_terminal(arguments: list[str], environ: Mapping[str, str]) -> bytes:
    """Return what is written with a terminal for standard output and error."""
    ours, theirs = os.openpty()
    inherited = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    with subprocess.Popen(
        [sys.executable, "-m", "ostiary", *arguments],
        stdout=theirs,
        stderr=theirs,
        env={**inherited, "TERM": "xterm", **environ},
    ):
        os.close(theirs)
        written = b""
        try:
            while piece := os.read(ours, 65536):
                written += piece
        except OSError:  # how Linux tells that the other end is closed
            pass
    os.close(ours)
    return written


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments", [["--help"], ["schema"], ["check"], ["explain", "GET", "/"], ["token", "show", key().token()]]
)
def test_a_full_standard_output_is_told_in_a_sentence(arguments: list[str], buffered: str, configured: str) -> None:
    if arguments[0] in {"check", "explain"}:
        arguments = [arguments[0], "--config", configured, *arguments[1:]]
    with Path("/dev/full").open("wb") as full:
        result = ostiary(*arguments, stdout=full.fileno(), environ={"PYTHONUNBUFFERED": buffered})
    assert (result.returncode, result.stderr) == (1, FULL)


def test_a_full_standard_error_ends_with_1() -> None:
    command = [sys.executable, "-m", "ostiary", "check", "--config", "/nonexistent"]
    with Path("/dev/full").open("wb") as full:
        assert subprocess.run(command, stderr=full, check=False).returncode == 1


def test_nobody_is_told_that_nobody_reads() -> None:
    read, write = os.pipe()
    os.close(read)
    result = ostiary("schema", stdout=write)
    os.close(write)
    assert (result.returncode, result.stderr) == (1, "")


def test_what_fails_otherwise_is_not_blamed_on_the_streams() -> None:
    def fails() -> None:
        raise PermissionError("another matter")

    with pytest.raises(PermissionError, match="another matter"):
        streams.run(fails)


def test_a_closed_standard_output_takes_nothing_and_says_nothing() -> None:
    code = "import os, sys; os.close(1); os.execv(sys.executable, [sys.executable, '-m', 'ostiary', 'schema'])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_what_an_encoding_lacks_is_escaped() -> None:
    code = (
        "from ostiary import streams\n"
        "streams.run(lambda: streams.console().print('\\u2713 done'))\n"
        "import sys; print('\\u2717', file=sys.stderr)"
    )
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, env={**os.environ, **ascii_only}
    )
    assert (result.stdout, result.stderr, result.returncode) == (b"\\u2713 done\n", b"\\u2717\n", 0)


@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": ""}, *PLAIN])
@pytest.mark.parametrize(
    "arguments", [["explain", "GET", "/"], ["token", "show", key().token()], ["check", "--config", "/nonexistent"]]
)
def test_styles_are_shown_on_a_terminal_unless_the_environment_says_no(
    arguments: list[str], environ: dict[str, str], configured: str
) -> None:
    if arguments[0] == "explain":
        arguments = ["explain", "--config", configured, *arguments[1:]]
    written = on_a_terminal(arguments, environ)
    assert len(written) > 20
    assert (b"\x1b[" in written) == (environ not in PLAIN)


@pytest.mark.parametrize("environ", PLAIN)
def test_a_console_is_as_plain_as_the_environment_asks(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    console = streams.console()
    with console.capture() as captured:
        console.print("[bold red]loud", style="italic")
    assert captured.get() == "loud\n"
    assert not streams.styled(sys.stdout)
