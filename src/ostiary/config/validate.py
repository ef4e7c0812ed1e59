"""From a document to a `Config`, and to everything that is wrong with its values and between them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ostiary.config.doubt import Doubt
from ostiary.config.model import Config
from ostiary.config.names import Names
from ostiary.config.problem import MISSING, Finding, Path, reached
from ostiary.config.rules import findings
from ostiary.config.salvage import Salvage
from ostiary.config.source import PROBLEMS, Node

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from pydantic_core import ErrorDetails

    from ostiary.config.references import Folder


def validate(
    root: Node, context: Folder, broken: AbstractSet[Path], incomplete: AbstractSet[Path]
) -> tuple[Config | None, list[Finding]]:
    """Return the configuration, or what can be saved of it, and all that is wrong with it.

    Each value has one finding at most of what is wrong with itself, and none that only follows from another. What is
    wrong with the values at the `broken` paths, and with the `incomplete` mappings, has been told already.
    """
    document = root.plain()
    if not isinstance(document, dict):
        return None, [Finding((), "is not a mapping", "write key: value, beginning with upstreams and routes")]
    names = Names.of(document)
    empty = list(islice(_empty(root, ()), PROBLEMS))
    lost = {*broken, *(finding.path for finding in empty)}
    config: Config | None = None
    errors: list[ErrorDetails] = []
    try:
        config = Config.model_validate(document, context=context)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    if config is not None and not lost:
        doubt = Doubt(document, (), incomplete)
        return config, [finding for finding in _between(config, names) if not doubt.voids(finding)]
    wrong, misspelt = _worded(errors[:PROBLEMS], document)
    told = list(_one_each([*empty, *wrong], root, broken, Doubt(document, misspelt, incomplete)))
    saved = Salvage(document, lost, context)
    if saved.config is None:
        return None, told
    doubt = Doubt(document, saved.lost | misspelt, incomplete)
    known = {finding.path for finding in told}
    between = [finding.moved(saved.original) for finding in _between(saved.config, names)]
    return saved.config, [*told, *(each for each in between if each.path not in known and not doubt.voids(each))]


def _between(config: Config, names: Names) -> Iterator[Finding]:
    return islice(findings(config, names), PROBLEMS)


def _worded(errors: Iterable[ErrorDetails], document: Mapping[str, object]) -> tuple[list[Finding], set[Path]]:
    """What is wrong with values, and the paths of absent keys that the misspelt ones are meant to be."""
    errors = list(errors)
    if not errors:
        return [], set()
    from ostiary.config.wording import describe, meant  # noqa: PLC0415 - it needs the JSON Schema; a sound file does not

    worded = [finding for error in errors if (finding := describe(error, document)) is not None]
    unknown = (meant(error["loc"]) for error in errors if error["type"] == "extra_forbidden")
    return worded, {path for path in unknown if path is not None and reached(document, path)[0] != path}


def _one_each(wrong: Iterable[Finding], root: Node, broken: AbstractSet[Path], doubt: Doubt) -> Iterator[Finding]:
    """One of each value, where it is in the document, and none of what could not be read."""
    known = set(broken)
    unread = {path[:depth] for path in broken for depth in range(len(path) + 1)}
    for finding in wrong:
        missing = finding.message == MISSING
        path = finding.path if missing else root.locate(finding.path)[0]
        below = any(path[:depth] in broken for depth in range(len(path)))
        if not below and path not in unread and path not in known and not (missing and doubt.at(path)):
            known.add(path)
            yield finding._replace(path=path)


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
