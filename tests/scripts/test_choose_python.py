from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from scripts.choose_python import choose

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., str]

GUIDED = {"CONFIG_ARGS": "'--enable-optimizations'"}
PLAIN = {"CONFIG_ARGS": "'--prefix=/opt'", "PGO_PROF_GEN_FLAG": "-a", "PGO_PROF_USE_FLAG": "-b"}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make something that answers like a Python."""

    def make_python(name: str, variables: dict[str, str], minor: int = 11, *, makes: bool = True) -> str:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho '{json.dumps([[3, minor], makes, variables]).replace(chr(39), '')}'\n")
        path.chmod(0o755)
        return str(path)

    return make_python


def test_the_first_that_was_built_with_it_is_taken(make: Make) -> None:
    plain, guided, last = make("a", PLAIN), make("b", GUIDED), make("c", GUIDED)
    assert choose((plain, "no-such-python", guided, last)) == guided
    newer = make("d", PLAIN, 12), make("e", GUIDED, 13)
    assert choose(newer) == newer[1]


def test_the_version_that_costs_are_recorded_for_goes_first(make: Make) -> None:
    newer, recorded = make("a", GUIDED, 13), make("b", PLAIN, 11)
    assert choose((newer, recorded)) == recorded


def test_else_it_is_the_first(make: Make) -> None:
    first, second = make("a", PLAIN), make("b", PLAIN)
    assert choose((first, second)) == first


def test_what_will_not_do_does_not_count(make: Make, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no\n")
    broken.chmod(0o755)
    old, strange, bare = make("a", GUIDED, 10), make("b", GUIDED, 99), make("c", GUIDED, makes=False)
    assert choose((old, strange, bare, str(broken), "/bin/false")) is None
    assert choose((old, plain := make("d", PLAIN))) == plain


def test_a_real_one_is_asked() -> None:
    """Of a virtual environment, too; and the script runs by itself."""
    assert choose((sys.executable,)) == sys.executable
    done = subprocess.run(
        [sys.executable, "-I", "scripts/choose_python.py"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip()
