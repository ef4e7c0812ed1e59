"""Revisions of the project: which one this is, and the sources of another."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parent.parent
SECONDS: Final = 120.0
"""That git may take."""


class RevisionError(Exception):
    """There is no such revision, or git cannot be asked; carries the reason in one line."""


def name(revision: str | None = None) -> str:
    """The short name of a commit; without one, of the commit that is checked out here, ``-dirty`` if files differ."""
    return _git("describe", "--always", "--exclude=*", "--dirty" if revision is None else revision)


def known() -> str:
    """The name of the commit that is checked out here, if there are a repository and a git to ask."""
    try:
        return name()
    except RevisionError:
        return "unknown"


@contextmanager
def checkout(revision: str, folder: Path) -> Iterator[Path]:
    """The tree of `revision` in `folder`, which must not exist yet, for as long as the block lasts."""
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    try:
        _git("worktree", "add", "--quiet", "--force", "--detach", str(folder), commit)
        yield folder
    finally:
        if folder.exists():
            _git("worktree", "remove", "--force", "--force", str(folder))


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607 - it is where the user has it
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise RevisionError(f"git {arguments[0]}: {error}") from error
    if done.returncode:
        raise RevisionError(f"git {' '.join(arguments)}: {done.stderr.strip() or 'no such revision'}")
    return done.stdout.strip()
