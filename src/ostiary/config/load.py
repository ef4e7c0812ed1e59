"""From a file to a `Config`, or to everything that is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostiary.config.environment import Environment
from ostiary.config.problem import ConfigError, Problem, dotted
from ostiary.config.references import Folder
from ostiary.config.source import BYTES, Reader
from ostiary.config.validate import validate

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Mapping

    from ostiary.config.model import Config
    from ostiary.config.problem import Finding
    from ostiary.config.source import Node


def load(path: pathlib.Path, environ: Mapping[str, str]) -> Config:
    """Read, resolve and check a configuration file.

    `environ` fills in `${NAME}`; relative paths in the file count from its folder, of which the result holds absolute
    ones. Raises `ConfigError` with all problems at once.
    """
    try:
        with path.open("rb") as file:
            data = file.read(BYTES + 1)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "not a path"
        problem = Problem(file=str(path), line=0, column=0, path="", message=f"cannot be read: {why}")
        raise ConfigError([problem]) from None
    return parse(data, str(path), path.absolute().parent, environ)


def parse(data: bytes, file: str, folder: pathlib.Path, environ: Mapping[str, str]) -> Config:
    """As `load`, of the content of `file`, which stands in `folder`. Raises `ConfigError`."""
    reader = Reader(file, Environment(environ))
    root = reader.read(data)
    if root is None:
        raise ConfigError(reader.problems)
    config, found = validate(root, Folder(folder), reader.broken, reader.incomplete)
    problems = [*reader.problems, *(_problem(file, root, finding) for finding in found)]
    if problems or config is None:
        # The cause would carry values of the configuration.
        raise ConfigError(problems) from None
    return config


def _problem(file: str, root: Node, finding: Finding) -> Problem:
    _, line, column = root.locate(finding.path)
    path = dotted(finding.path)
    return Problem(file=file, line=line, column=column, path=path, message=finding.message, hint=finding.hint)
