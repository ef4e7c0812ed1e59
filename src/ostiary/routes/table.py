"""Which route a request belongs to.

The precedence, all of it:

1. *Host*: the exact name, else the longest ``*.suffix``, else ``*``. The first of these that any route names is the
   only one looked at.
2. *Path*: of all patterns that match, the one that is more specific at the first segment where they differ: literal,
   then ``{name}``, then ``/**``.
3. *Method*: among routes of that very pattern, one that names the method, else one for all methods.

Nothing falls through to a less specific host or path because a method or a path is missing further up: a request that
the more specific rule does not allow must not be judged by a more general one. It belongs to no route.

So does a request that differs from a literal segment only in case (``/Admin`` where there is ``/admin``), in how its
letters are encoded, or in what nobody sees: some services tell them apart and some do not, so neither the rule for
``/admin`` nor one for ``/**`` can be applied without doubt. `routes.fold` says what is alike.

The cost depends on the length of the path, not on the number of routes. Nothing is remembered of requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

from ostiary.routes.fold import LONGEST_SPELLING, fold, seen
from ostiary.routes.pattern import parse, parse_host

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ostiary.config.model import Match
    from ostiary.routes.pattern import Pattern

T = TypeVar("T")


class DuplicateRoute(ValueError):
    """Two routes claim the same host, pattern and method."""


class RouteTable(Generic[T]):
    """Compiled routes. Hosts and paths are canonical: `http.host.Host.name` and `http.target.Target.path`."""

    def __init__(self, entries: Iterable[tuple[Match, T]]) -> None:
        """Compile `entries`. Raises `DuplicateRoute`, and `BadPattern` for a path that cannot be read."""
        self._exact: Final[dict[str, _Paths[T]]] = {}
        self._suffixes: Final[dict[str, _Paths[T]]] = {}
        self._any: _Paths[T] = _Paths()
        for match, value in entries:
            pattern = parse(match.path)
            methods = (None,) if match.methods is None else match.methods
            for host in match.hosts:
                try:
                    self._paths(host).add(pattern, methods, value)
                except DuplicateRoute:
                    raise DuplicateRoute(f"{host} {match.path}") from None

    def match(self, host: str, method: str, path: str) -> T | None:
        """Return the route of a request, or None if it belongs to none."""
        paths = self._exact.get(host)
        if paths is None:
            paths = (self._by_suffix(host) if self._suffixes else None) or self._any
        leaf = paths.literal.get(path)
        if leaf is None:
            leaf = paths.walk(path)
            if leaf is None:
                return None
        found = leaf.methods.get(method) if leaf.methods else None
        return leaf.every if found is None else found

    def _paths(self, host: str) -> _Paths[T]:
        name = parse_host(host)
        if name == "*":
            return self._any
        if name.startswith("*."):
            return self._suffixes.setdefault(name[1:], _Paths())
        return self._exact.setdefault(name, _Paths())

    def _by_suffix(self, host: str) -> _Paths[T] | None:
        dot = host.find(".", 1)
        while dot != -1:
            paths = self._suffixes.get(host[dot:])
            if paths is not None:
                return paths
            dot = host.find(".", dot + 1)
        return None


class _Leaf(Generic[T]):
    """The routes of one host and pattern: by method, and the one for every other method."""

    __slots__ = ("every", "methods")

    def __init__(self) -> None:
        self.every: T | None = None
        self.methods: dict[str, T] | None = None

    def add(self, method: str | None, value: T) -> None:
        """Enter `value`; a method of None is every other one. Raises `DuplicateRoute`."""
        if method is None:
            if self.every is not None:
                raise DuplicateRoute
            self.every = value
        elif method in (methods := self.methods or {}):
            raise DuplicateRoute
        else:
            methods[method] = value
            self.methods = methods


class _Node(Generic[T]):
    """A place in the tree of patterns: what may follow the segments that lead here.

    Where nothing may, there is nothing to look at either: with many routes, what counts is how much memory is visited.
    """

    __slots__ = ("leaf", "literals", "parameter", "rest")

    def __init__(self) -> None:
        self.literals: _Literals[T] | None = None
        self.parameter: _Node[T] | None = None
        self.leaf: _Leaf[T] | None = None
        self.rest: _Leaf[T] | None = None


class _Literals(Generic[T]):
    """The literal segments that may follow, and what is too much like them."""

    __slots__ = ("_folded", "_longest", "nodes")

    def __init__(self) -> None:
        self.nodes: dict[str, _Node[T]] = {}
        self._folded: set[str] = set()
        self._longest = 0
        """Octets of a segment with escapes from which on it is like none of them."""

    def enter(self, segment: str) -> _Node[T]:
        """The place behind `segment`, new or not."""
        folded = fold(seen(segment))
        self._folded.add(folded)
        self._longest = max(self._longest, len(folded) * LONGEST_SPELLING)
        return self.nodes.setdefault(segment, _Node())

    def resemble(self, segment: str) -> bool:
        """Whether `segment`, which is none of them, may be one of them to a service."""
        if "%" not in segment:
            return segment.lower() in self._folded
        segment = seen(segment)
        return len(segment) <= self._longest and fold(segment) in self._folded


class _Paths(Generic[T]):
    """The routes of one host."""

    __slots__ = ("_depth", "_nowhere", "_root", "literal")

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()
        self._depth = 0
        self._nowhere: _Leaf[T] = _Leaf()
        self.literal: dict[str, _Leaf[T]] = {}
        """A short cut to the patterns of literals only, which win wherever they match."""

    def add(self, pattern: Pattern, methods: Iterable[str | None], value: T) -> None:
        """Enter `value`; a method of None is all of them. Raises `DuplicateRoute`."""
        leaf = self._leaf(pattern)
        for method in methods:
            leaf.add(method, value)

    def _leaf(self, pattern: Pattern) -> _Leaf[T]:
        self._depth = max(self._depth, len(pattern.segments))
        node = self._root
        for segment in pattern.segments:
            if segment is None:
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node.literals = node.literals or _Literals()
                node = node.literals.enter(segment)
        if pattern.rest:
            node.rest = node.rest or _Leaf()
            return node.rest
        if node.leaf is None:
            node.leaf = _Leaf()
            if None not in pattern.segments:
                self.literal["/" + "/".join(cast("tuple[str, ...]", pattern.segments))] = node.leaf
        return node.leaf

    def walk(self, path: str) -> _Leaf[T] | None:
        """Return the leaf of the most specific pattern that matches `path`."""
        # What lies deeper than any pattern is left in one piece: nothing looks at it.
        segments = path.split("/", self._depth + 1)
        if segments[-1] == "":
            segments.pop()
        node, rest = self._root, None
        for at in range(1, len(segments)):
            if node.parameter is not None:
                found = self._descend(node, segments, at)
                return rest if found is None else found
            if node.rest is not None:
                rest = node.rest
            literals = node.literals
            if literals is None:
                return rest
            child = literals.nodes.get(segments[at])
            if child is None:
                return self._nowhere if literals.resemble(segments[at]) else rest
            node = child
        leaf = node.rest if node.leaf is None else node.leaf
        return rest if leaf is None else leaf

    def _descend(self, node: _Node[T], segments: list[str], at: int) -> _Leaf[T] | None:
        """Return the leaf among those below `node`: with parameters, there may be several ways."""
        if at >= len(segments):
            return node.rest if node.leaf is None else node.leaf
        literals = node.literals
        if literals is not None:
            child = literals.nodes.get(segments[at])
            if child is not None:
                found = self._descend(child, segments, at + 1)
                if found is not None:
                    return found
            elif literals.resemble(segments[at]):
                return self._nowhere
        if node.parameter is not None:
            found = self._descend(node.parameter, segments, at + 1)
            if found is not None:
                return found
        return node.rest
