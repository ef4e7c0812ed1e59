"""Hand one target to libFuzzer: ``python -m fuzz.drive TARGET [libFuzzer's arguments]``."""

from __future__ import annotations

import importlib
import sys

import atheris


def main() -> None:
    """Fuzz until a law breaks or the time is up; never returns."""
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["ostiary"]):
        target = importlib.import_module(f"fuzz.targets.{name}")
    atheris.Setup(sys.argv, target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
