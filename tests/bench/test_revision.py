from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from bench import revision
from bench.revision import RevisionError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits, the first of them called v0; a file says which one it is."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q")
    for text in ("first", "second"):
        (root / "file").write_text(text)
        git(root, "add", ".")
        git(root, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", text)
        if text == "first":
            git(root, "tag", "v0")
    monkeypatch.setattr(revision, "ROOT", root)
    return root


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)  # noqa: S607  # git is wherever PATH has it
    return done.stdout


def test_a_tree_is_there_for_as_long_as_it_is_needed(tmp_path: Path, repository: Path) -> None:
    with revision.checkout("v0", tmp_path / "old") as tree:
        assert (tree / "file").read_text() == "first"
    assert not (tmp_path / "old").exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_it_is_gone_after_a_failure_too(tmp_path: Path, repository: Path) -> None:
    with pytest.raises(ZeroDivisionError), revision.checkout("HEAD", tmp_path / "old"):
        (tmp_path / "old" / "left").write_text(str(1 / 0))
    assert not (tmp_path / "old").exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize("name", ["v9", "--help", "HEAD:file"])
def test_what_is_no_commit_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(RevisionError, match=r"no such revision|fatal"), revision.checkout(name, tmp_path / "old"):
        pass


def test_names(repository: Path) -> None:
    here = git(repository, "rev-parse", "--short", "HEAD").strip()
    assert revision.name() == here
    assert revision.name("v0") != here
    (repository / "file").write_text("changed")
    assert revision.name() == f"{here}-dirty"


def test_without_a_repository_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert revision.known() == revision.name()
    monkeypatch.setattr(revision, "ROOT", tmp_path)
    assert revision.known() == "unknown"
