"""The names that sections of a configuration go by, and references to them that lead nowhere."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, NamedTuple

from ostiary.config.problem import Finding, Path, key

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_COMPARED: Final = 500
"""Most names that a misspelt one is compared with: each comparison takes some microseconds."""


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
    hint = ""
    if not known:
        hint = f"there is no {what} at all"
    elif len(known) <= _COMPARED:
        close = get_close_matches(name[:64], known, 1)
        listed = ", ".join(key(one) for one in sorted(known)[:10])
        hint = f"did you mean {key(close[0])}?" if close else f"there are: {listed}"
    return Finding(path, f"names no {what}", hint)
