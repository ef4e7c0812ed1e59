from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.check_mirror import problems

if TYPE_CHECKING:
    from pathlib import Path


def make(root: Path, *files: str) -> None:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_mirrored_tree_has_no_problems(tmp_path: Path) -> None:
    make(tmp_path, "src/ostiary/__init__.py", "src/ostiary/a/b.py", "src/ostiary/c.py", "src/ostiary/a/only_types.py")
    make(tmp_path, "tests/conftest.py", "tests/a/test_b.py", "tests/test_c.py", "tests/system/test_whole.py")
    assert problems(tmp_path, {"a/only_types.py"}) == []


def test_what_is_missing_orphaned_or_wrongly_excused_is_told(tmp_path: Path) -> None:
    make(tmp_path, "src/ostiary/a/b.py", "src/ostiary/a/excused.py")
    make(tmp_path, "tests/test_b.py", "tests/a/test_excused.py")
    assert problems(tmp_path, {"a/excused.py", "a/gone.py"}) == [
        "a/excused.py is excused from being tested, but is",
        "a/gone.py is excused from being tested, but does not exist",
        "src/ostiary/a/b.py has no tests/a/test_b.py",
        "tests/test_b.py tests no source of its name",
    ]
