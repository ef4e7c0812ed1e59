"""From a file to a `Config`, or to everything that is wrong with it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ostiary.config.environment import Environment
from ostiary.config.model import Config
from ostiary.config.names import Names
from ostiary.config.problem import MISSING, ConfigError, Finding, Path, Problem, dotted
from ostiary.config.references import Folder
from ostiary.config.rules import findings
from ostiary.config.salvage import Salvage
from ostiary.config.source import BYTES, PROBLEMS, Node, Reader

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterable, Iterator, Mapping


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
    config, wrong, between = _validate(root, Folder(folder))
    problems = [*reader.problems, *_place(file, root, wrong, between, reader.broken)]
    if problems or config is None:
        # The cause would carry values of the configuration.
        raise ConfigError(problems) from None
    return config


def _validate(root: Node, context: Folder) -> tuple[Config | None, list[Finding], list[Finding]]:
    """The configuration, or what can be saved of it; what is wrong with values; what is wrong between them."""
    document = root.plain()
    if not isinstance(document, dict):
        return None, [Finding((), "is not a mapping", "write key: value, beginning with upstreams and routes")], []
    names = Names.of(document)
    empty = list(islice(_empty(root, ()), PROBLEMS))
    try:
        config = Config.model_validate(document, context=context)
    except ValidationError as error:
        from ostiary.config.wording import describe  # noqa: PLC0415 - it needs the JSON Schema; a sound file does not

        details = error.errors(include_url=False)[:PROBLEMS]
        wrong = empty + [finding for detail in details if (finding := describe(detail, document)) is not None]
        saved = Salvage(document, error, context)
        between = findings(saved.config, names) if saved.config is not None else ()
        return saved.config, wrong, [finding.moved(saved.original) for finding in islice(between, PROBLEMS)]
    return config, empty, list(islice(findings(config, names), PROBLEMS))


def _empty(node: Node, path: Path) -> Iterator[Finding]:
    """Keys without a value. They would fall back to defaults, some of which mean "all" (law 6)."""
    if node.content is None and path[:1] != ("identity_headers",) and "inline" not in path:
        yield Finding(path, "has no value", "give it one, or remove the key to have its default")
    elif isinstance(node.content, dict):
        for key, below in node.content.items():
            yield from _empty(below, (*path, key))
    elif isinstance(node.content, list):
        for index, below in enumerate(node.content):
            yield from _empty(below, (*path, index))


def _place(
    file: str, root: Node, wrong: Iterable[Finding], between: Iterable[Finding], broken: set[Path]
) -> Iterator[Problem]:
    """Say where the findings are: one of each value, and of those between values none that only follows from others."""
    bad = set(broken)
    unread = _around(broken)
    for finding in wrong:
        path, line, column = root.locate(finding.path)
        path = finding.path if finding.message == MISSING else path
        below = any(path[:depth] in broken for depth in range(len(path)))
        if not below and path not in unread and path not in bad:
            bad.add(path)
            yield _problem(file, path, line, column, finding)
    around = _around(bad)
    for finding in between:
        if around.isdisjoint((finding.path, *finding.rests_on)):
            _, line, column = root.locate(finding.path)
            yield _problem(file, finding.path, line, column, finding)


def _around(paths: Iterable[Path]) -> set[Path]:
    """The paths and all that lead to them."""
    return {path[:depth] for path in paths for depth in range(len(path) + 1)}


def _problem(file: str, path: Path, line: int, column: int, finding: Finding) -> Problem:
    return Problem(file=file, line=line, column=column, path=dotted(path), message=finding.message, hint=finding.hint)
