"""Check that the tests mirror the sources: ``src/ostiary/a/b.py`` is tested by ``tests/a/test_b.py``.

Prints what is missing or orphaned and exits 1, or exits 0. Folders of `tests` that mirror nothing (`FREE`) are left
alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

ROOT: Final = Path(__file__).resolve().parent.parent

FREE: Final = frozenset({"bench", "cases", "scripts", "support", "system"})
"""Folders of `tests` that mirror no package: the benchmark, shared cases, these scripts, real servers, processes."""

UNTESTED: Final = {
    "config/base.py": "a declaration only; its promises are tested with the whole model",
    "config/issuer.py": "declarations only; tested with the whole model, and by the schema and the reference",
    "config/limits.py": "the same",
    "config/listener.py": "the same",
    "config/route.py": "the same",
    "config/upstream.py": "the same",
    "decision/stages.py": "protocols only",
    "stores/protocol.py": "a protocol only; its conformance suite runs in each store's test",
}
"""Modules that need no test of their own, each with its reason."""


def problems(root: Path, untested: Collection[str]) -> list[str]:
    """Return one line for each source without its test, test without its source, and excuse that is none."""
    package, folder = root / "src" / "ostiary", root / "tests"
    modules = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    sources = {module for module in modules if Path(module).name not in {"__init__.py", "__main__.py"}}
    tests = {path.relative_to(folder).as_posix() for path in folder.rglob("test_*.py")}
    tests = {test for test in tests if Path(test).parts[0] not in FREE}
    wanted = {_test_of(source): source for source in sources if source not in untested}
    found = [f"src/ostiary/{wanted[test]} has no tests/{test}" for test in wanted.keys() - tests]
    found += [f"tests/{test} tests no source of its name" for test in tests - {_test_of(source) for source in sources}]
    found += [f"{source} is excused from being tested, but does not exist" for source in set(untested) - sources]
    found += [f"{source} is excused from being tested, but is" for source in untested if _test_of(source) in tests]
    return sorted(found)


def _test_of(source: str) -> str:
    path = Path(source)
    return path.with_name(f"test_{path.name}").as_posix()


def main() -> int:
    """Print the problems; return the exit code."""
    found = problems(ROOT, UNTESTED)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
