"""The names that sections of a configuration go by, and references to them that lead nowhere."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from ostiary.config.problem import Finding, Path, key

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Names(NamedTuple):
    """What is named in a document, whether or not its contents are sound."""

    issuers: frozenset[str]
    upstreams: frozenset[str]
    limits: frozenset[str]

    @classmethod
    def of(cls, document: Mapping[str, object]) -> Names:
        """Collect the names of a document of any shape."""
        sections = (document.get(field) for field in cls._fields)
        return cls(*(frozenset(section) if isinstance(section, dict) else frozenset() for section in sections))


def unknown(path: Path, name: str, known: Collection[str], what: str) -> Finding:
    """The finding that `name`, at `path`, is none of the `known`; it shows those and not the name."""
    close = get_close_matches(name, known, 1)
    if close:
        hint = f"did you mean {key(close[0])}?"
    elif known:
        hint = f"there are: {', '.join(key(one) for one in sorted(known)[:10])}"
    else:
        hint = f"there is no {what} at all"
    return Finding(path, f"names no {what}", hint)
