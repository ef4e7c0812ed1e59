"""Check that the tests mirror the sources: ``src/ostiary/a/b.py`` is tested by ``tests/a/test_b.py``.

Prints what is missing or orphaned and exits 1, or exits 0. Folders of `tests` that mirror nothing (`FREE`) are left
alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCES: Final = ROOT / "src" / "ostiary"
TESTS: Final = ROOT / "tests"

FREE: Final = frozenset({"cases", "support", "system"})
"""Folders of `tests` that mirror no package: rows of shared cases, the real servers, whole processes."""

UNTESTED: Final = {
    "decision/stages.py": "protocols only",
    "stores/protocol.py": "a protocol only; its conformance suite runs in each store's test",
}
"""Modules that need no test of their own, each with its reason."""


def problems() -> list[str]:
    """Return one line for each source without its test and each test without its source."""
    sources = {
        path.relative_to(SOURCES).as_posix()
        for path in SOURCES.rglob("*.py")
        if path.name not in {"__init__.py", "__main__.py"}
    }
    tests = {
        path.relative_to(TESTS).as_posix()
        for path in TESTS.rglob("test_*.py")
        if path.relative_to(TESTS).parts[0] not in FREE
    }
    wanted = {source: _test_of(source) for source in sources}
    found = [f"src/ostiary/{source} has no tests/{test}" for source, test in wanted.items() if not _fine(source, tests)]
    found += [f"tests/{test} tests no source of its name" for test in tests - set(wanted.values())]
    found += [f"{source} is excused from being tested, but does not exist" for source in UNTESTED.keys() - sources]
    found += [f"{source} is excused from being tested, but is" for source in UNTESTED if _test_of(source) in tests]
    return sorted(found)


def _test_of(source: str) -> str:
    path = Path(source)
    return path.with_name(f"test_{path.name}").as_posix()


def _fine(source: str, tests: set[str]) -> bool:
    return source in UNTESTED or _test_of(source) in tests


def main() -> int:
    """Print the problems; return the exit code."""
    found = problems()
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
