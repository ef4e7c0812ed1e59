"""From pydantic's errors to sentences for the person who wrote the file."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from ostiary.config.problem import MISSING, Finding, Path, key, reached
from ostiary.config.schema import known_keys

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_WORDS: Final = {
    "string_type": ("is not a string", "quote it, if it is meant as one"),
    "string_unicode": ("is not UTF-8", ""),
    "tuple_type": ("is not a list", "write [a, b], or one item a line after a dash"),
    "dict_type": ("is not a mapping", "write key: value, one a line, indented"),
    "model_type": ("is not a mapping", "write key: value, one a line, indented"),
    "greater_than": ("is not more than {gt}", ""),
    "greater_than_equal": ("is less than {ge}", ""),
    "less_than": ("is not less than {lt}", ""),
    "less_than_equal": ("is more than {le}", ""),
    "string_too_short": ("is empty", ""),
    "string_too_long": ("is longer than {max_length} characters", ""),
}
_QUOTED: Final = re.compile("'([^']*)'")
_DURATION: Final = re.compile(r"\d.*(?:ms|[smhd])")


def describe(error: ErrorDetails, document: object) -> Finding | None:
    """Word one error of the validation of a document, or None if it only follows from others.

    What was written is looked at, and never repeated.
    """
    path: Path = error["loc"]
    value = reached(document, path)[1]
    context = error.get("ctx", {})
    match error["type"]:
        case "ostiary":
            return Finding(path, context["message"], context["hint"])
        case "missing":
            return Finding(path, MISSING, "it has no default")
        case "extra_forbidden":
            return _unknown(path)
        case "too_short":
            # Of a list none of whose items is valid, pydantic says that it is too short as well.
            return Finding(path, "is empty", "it needs at least one item") if value in ([], {}) else None
        case "literal_error":
            return _choice(path, value, context["expected"])
        case kind if kind in _WORDS:
            shown = {name: f"{bound:g}" if isinstance(bound, float) else bound for name, bound in context.items()}
            message, hint = (text.format_map(shown) for text in _WORDS[kind])
            # Bounds of durations are in seconds, whatever the unit of what was written.
            unit = " seconds" if kind.startswith(("greater", "less")) and _is_duration(value) else ""
            return Finding(path, message + unit, hint)
        case _:
            return Finding(path, error["msg"][:1].lower() + error["msg"][1:])


def _choice(path: Path, value: object, expected: str) -> Finding:
    """`expected` lists the possible values as pydantic does: 'a', 'b' or 'c'."""
    choices = {choice.lower(): choice for choice in _QUOTED.findall(expected)}
    close = get_close_matches(value[:64].lower(), choices, 1) if isinstance(value, str) else ()
    hint = f"did you mean {choices[close[0]]}?" if close else f"write {expected}"
    return Finding(path, "is not one of its possible values", hint)


def _is_duration(value: object) -> bool:
    return isinstance(value, str) and _DURATION.fullmatch(value) is not None


def meant(path: Path) -> Path | None:
    """The path of the known key that the unknown one at `path` probably is a misspelling of."""
    close = get_close_matches(str(path[-1]), known_keys(path[:-1]), 1)
    return (*path[:-1], close[0]) if close else None


def _unknown(path: Path) -> Finding:
    close = meant(path)
    hint = f"did you mean {key(str(close[-1]))}?" if close else f"known here: {', '.join(known_keys(path[:-1]))}"
    return Finding(path, "is not a known key", hint)
