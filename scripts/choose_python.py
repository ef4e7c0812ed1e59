"""Print the path of the Python that .venv is to be made of, or exit 1 if there is none.

Of the Pythons that Ostiary is tested with, 3.11 goes first: what a request costs is recorded for it, so that only there
the gate on that cost holds (`tests/cases/test_request_cost.py`). Of one version, the first that was built with
profile-guided optimisation is taken: it needs about a fifth less CPU for the same work. Where none was, or none says
so, it is the first. One that can make no virtual environment does not count. Any Python from 3.7 on runs this, with
nothing installed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from ostiary.serve.interpreter import profile_guided  # from where it lies: it is not installed yet

VERSIONS = ((3, 11), (3, 12), (3, 13))
RECORDED = (3, 11)
CANDIDATES = (
    "python3.11", "python3", "/usr/bin/python3.11", "/usr/bin/python3", "/usr/local/bin/python3",
    "python3.12", "python3.13",
)  # fmt: skip
QUESTION = """
import json, sys, sysconfig
from importlib.util import find_spec
makes = bool(find_spec("venv") and (find_spec("ensurepip") or find_spec("pip")))
print(json.dumps([sys.version_info[:2], makes, sysconfig.get_config_vars()], default=str))
"""


def rank(python: str) -> int:
    """Tell how well `python` would do: 4 is best, 0 not at all."""
    try:
        done = subprocess.run(  # noqa: S603 - of our own list
            [python, "-c", QUESTION], capture_output=True, text=True, timeout=30, check=True
        )
        version, makes, variables = json.loads(done.stdout)  # noqa: TID251 - there is no msgspec yet
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0
    if tuple(version) not in VERSIONS or not makes:
        return 0
    return (3 if tuple(version) == RECORDED else 1) + bool(profile_guided(variables))


def choose(candidates: tuple[str, ...]) -> str | None:
    """Return the path of the best of `candidates`, which are names or paths; None if none will do."""
    best, found = 0, None
    for candidate in candidates:
        python = shutil.which(candidate)
        here = 0 if python is None else rank(python)
        if here > best:
            best, found = here, python
        if best == 4:
            break
    return found


def main() -> int:
    """Print the choice; return the exit code."""
    found = choose(CANDIDATES)
    if found is not None:
        print(found)
    return 0 if found is not None else 1


if __name__ == "__main__":
    sys.exit(main())
