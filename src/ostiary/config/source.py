"""YAML into a tree in which every key and value still knows its place in the file.

The tree is built from the parser's events without recursion, and every dimension of it is bounded: bytes, depth,
and nodes counted as often as aliases repeat them. What YAML readers are known to disagree about is a problem, not a
guess: duplicate keys, merge keys, tags, several documents, leading zeros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn, Protocol

import msgspec
import yaml

from ostiary.config.core_schema import resolve
from ostiary.config.problem import Path, Problem, dotted
from ostiary.config.yaml_hints import hint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ostiary.config.environment import Environment

BYTES: Final = 4 * 1024 * 1024
"""Largest configuration file: room for 10,000 routes of some ten lines."""
DEPTH: Final = 32
"""Most collections within one another."""
NODES: Final = 500_000
"""Most keys and values, each counted as often as aliases repeat it."""
PROBLEMS: Final = 1_000
"""Most problems reported; beyond them reading stops."""

Scalar = str | int | float | bool | None


class Node(msgspec.Struct):
    """A value with its place; lines and columns count from 1. Keys have their own place, in `keys`."""

    line: int
    column: int
    content: Scalar | list[Node] | dict[str, Node]
    keys: dict[str, tuple[int, int]] = {}
    weight: int = 1
    height: int = 0

    def plain(self) -> object:
        """The value as Python has it."""
        if isinstance(self.content, dict):
            return {key: node.plain() for key, node in self.content.items()}
        if isinstance(self.content, list):
            return [node.plain() for node in self.content]
        return self.content

    def locate(self, path: Path) -> tuple[Path, int, int]:
        """How far a path leads into the document, and the line and column of where it ends.

        A value of a mapping is placed at its key.
        """
        node, line, column = self, self.line, self.column
        for depth, step in enumerate(path):
            if isinstance(node.content, dict) and isinstance(step, str) and step in node.content:
                (line, column), node = node.keys[step], node.content[step]
            elif isinstance(node.content, list) and isinstance(step, int) and step < len(node.content):
                node = node.content[step]
                line, column = node.line, node.column
            else:
                return path[:depth], line, column
        return path, line, column


class _Mark(Protocol):
    """A place as the parser counts, from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class _Frame(msgspec.Struct):
    """A collection whose end has not been met; `key` is the key that waits for its value."""

    node: Node
    anchor: str | None
    key: str | None = None
    lost: bool = False
    """The coming value belongs to a key that cannot be kept."""


class _Abandoned(Exception):
    """Reading cannot go on; the problem has been noted."""


class Reader:
    """Reads one file. `problems` tells what is wrong, `broken` which paths are not worth a second problem.

    `incomplete` are the paths of mappings to which more belongs than was read.
    """

    def __init__(self, file: str, environment: Environment) -> None:
        self.problems: list[Problem] = []
        self.broken: set[Path] = set()
        self.incomplete: set[Path] = set()
        self._file = file
        self._environment = environment
        self._frames: list[_Frame] = []
        self._anchors: dict[str, Node] = {}
        self._root: Node | None = None
        self._nodes = 0

    def read(self, data: bytes) -> Node | None:
        """The tree of the document, or None where nothing could be made of it (and `problems` says why)."""
        try:
            for event in self._events(data):
                self._take(event)
        except _Abandoned:
            return None
        if self._root is None or self._root.content is None:
            self._note(1, 1, "is empty", "write key: value, beginning with upstreams and routes")
            return None
        return self._root

    def _events(self, data: bytes) -> Iterator[yaml.Event]:
        if len(data) > BYTES:
            self._abandon(0, 0, f"is larger than {BYTES} bytes")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = data[: error.start]
            self._abandon(before.count(b"\n") + 1, error.start - before.rfind(b"\n"), "is not UTF-8")
        try:
            yield from yaml.parse(text, Loader=yaml.CSafeLoader)
        except yaml.MarkedYAMLError as error:
            line, column = _place(error.problem_mark)
            self._abandon(line, column, f"is not YAML: {error.problem}", hint(text, line, column))
        except yaml.reader.ReaderError as error:
            head = text[: error.position]
            self._abandon(head.count("\n") + 1, len(head) - head.rfind("\n"), f"is not YAML: {error.reason}")

    def _take(self, event: yaml.Event) -> None:
        line, column = _place(event.start_mark)
        if isinstance(event, yaml.NodeEvent) and not isinstance(event, yaml.AliasEvent):
            if getattr(event, "tag", None) is not None:
                if isinstance(event, yaml.ScalarEvent):
                    self.broken.add(self._path())
                self._note(line, column, "has a tag", "tags such as !!str and !include have no meaning here")
            self._nodes += 1
        if isinstance(event, yaml.ScalarEvent):
            self._attach(self._scalar(event, line, column), event.anchor)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            if len(self._frames) >= DEPTH:
                self._abandon(line, column, f"is nested more than {DEPTH} deep")
            content: list[Node] | dict[str, Node] = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._frames.append(_Frame(Node(line, column, content), event.anchor))
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            frame = self._frames.pop()
            self._attach(frame.node, frame.anchor)
        elif isinstance(event, yaml.AliasEvent):
            self._attach(self._alias(event, line, column), None)
        elif isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
            self._abandon(line, column, "is a second document", "one file holds one configuration")

    def _scalar(self, event: yaml.ScalarEvent, line: int, column: int) -> Node:
        value: Scalar = event.value
        if self._awaits_key():
            return Node(line, column, event.value)
        try:
            if "$" in event.value:
                value = self._environment.fill(event.value)
            elif event.implicit[0]:
                value = resolve(event.value)
        except ValueError as error:
            self.broken.add(self._path())
            self._note(line, column, str(error))
        return Node(line, column, value)

    def _alias(self, event: yaml.AliasEvent, line: int, column: int) -> Node:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            self._abandon(line, column, "is an alias of an anchor that does not come before it")
        if len(self._frames) + node.height > DEPTH:
            self._abandon(line, column, f"is nested more than {DEPTH} deep")
        self._nodes += node.weight
        return node

    def _awaits_key(self) -> bool:
        return bool(self._frames) and isinstance(self._frames[-1].node.content, dict) and self._frames[-1].key is None

    def _attach(self, node: Node, anchor: str | None) -> None:
        if self._nodes > NODES:
            self._abandon(node.line, node.column, f"has more than {NODES} values, aliases counted in full")
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._frames:
            self._root = node
            return
        frame = self._frames[-1]
        parent = frame.node
        if isinstance(parent.content, dict):
            if frame.key is None:
                self._key(frame, node)
                return
            if not frame.lost:
                parent.content[frame.key] = node
            frame.key, frame.lost = None, False
        elif isinstance(parent.content, list):
            parent.content.append(node)
        parent.weight += node.weight
        parent.height = max(parent.height, node.height + 1)

    def _key(self, frame: _Frame, node: Node) -> None:
        name = node.content if isinstance(node.content, str) else ""
        frame.lost = True
        if not isinstance(node.content, str):
            self.incomplete.add(self._path())
            self._note(node.line, node.column, "has a key that is not a plain word")
        elif name == "<<":
            self.incomplete.add(self._path())
            self._note(node.line, node.column, "has a merge key, which YAML 1.2 does not", "write the keys out")
        elif name in frame.node.keys:
            first = frame.node.keys[name][0]
            self.incomplete.add((*self._path(), name))
            message = f"is written twice; the first is on line {first}"
            self._note(node.line, node.column, message, "remove one of the two", (name,))
        else:
            frame.node.keys[name] = (node.line, node.column)
            frame.lost = False
        frame.key = name

    def _path(self) -> Path:
        steps: list[str | int] = []
        for frame in self._frames:
            if isinstance(frame.node.content, list):
                steps.append(len(frame.node.content))
            elif frame.key is not None:
                steps.append(frame.key)
        return tuple(steps)

    def _note(self, line: int, column: int, message: str, hint: str = "", below: Path = ()) -> None:
        path = self._path() + below
        self.problems.append(
            Problem(file=self._file, line=line, column=column, path=dotted(path), message=message, hint=hint)
        )
        if len(self.problems) >= PROBLEMS:
            raise _Abandoned

    def _abandon(self, line: int, column: int, message: str, hint: str = "") -> NoReturn:
        self._note(line, column, message, hint)
        raise _Abandoned


def _place(mark: _Mark | None) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
