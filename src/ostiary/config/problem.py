"""What is wrong with a configuration: where, what, and how to mend it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Path = tuple[str | int, ...]
"""The way from the top of the document to a value: keys, and indices from 0."""

MISSING: Final = "is missing"
"""The message of the one finding whose path is not in the document."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class Finding(NamedTuple):
    """What is wrong with the value at a path, before its place in the file is looked up.

    It stands on that value being as it was written, whatever is wrong within it. `rests_on` are the other values that
    it was concluded from, with all that is in them, and those whose absence it was concluded from.
    """

    path: Path
    message: str
    hint: str = ""
    rests_on: tuple[Path, ...] = ()

    def moved(self, move: Callable[[Path], Path]) -> Finding:
        """The same of other paths."""
        return self._replace(path=move(self.path), rests_on=tuple(map(move, self.rests_on)))


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. Lines and columns count from 1; 0 where the file has no such place.

    It may name keys, hosts and paths, and repeats no other value of the configuration: any may be a secret.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        subject = f"{self.path}: " if self.path else ""
        return f"{printable(place)}: {subject}{self.message}" + (f" ({self.hint})" if self.hint else "")


class ConfigError(Exception):
    """A configuration that cannot be used, with all its problems in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


def reached(document: object, path: Path) -> tuple[Path, object]:
    """How far a path leads into a document of any shape, and what is there."""
    here: Any = document
    for depth, step in enumerate(path):
        if not (step in here if isinstance(here, dict) else isinstance(here, list) and step in range(len(here))):
            return path[:depth], here
        here = here[step]
    return path, here


def dotted(path: Path) -> str:
    """Write a path as people do: `routes[2].match.path`, unusual keys quoted."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{key(step)}" for step in path).removeprefix(".")


def key(name: str) -> str:
    """A key as it may be shown: as it is if it is plain, else quoted, bounded and free of control characters."""
    return name if _PLAIN.fullmatch(name) else f'"{printable(name[:64])}{"…" if len(name) > 64 else ""}"'


def printable(text: str) -> str:
    """The text with all but printable characters escaped, so that no file can act on a terminal or mislead a reader."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
