"""What to do about a file that is not YAML: the parser's own messages name the grammar, not the slip of the hand."""

from __future__ import annotations

import re
from typing import Final

_TAB: Final = re.compile(r" *\t")
_COLON: Final = re.compile(r"""\s*(?:- +)?[^\s"'{\[]+: +[^"'{\[].*: """)
_SPECIAL: Final = "*&@`%!|>"


def hint(text: str, line: int, column: int) -> str:
    """The likeliest mistake in a `text` that could not be read at this place, counted from 1."""
    lines = text.splitlines()
    here = lines[line - 1] if 0 < line <= len(lines) else ""
    before = lines[line - 2] if 1 < line <= len(lines) + 1 else ""
    # A mistake is noticed where it is met, or at the beginning of what follows.
    if _TAB.match(here) or _TAB.match(before):
        return "indent with spaces: there is a tab"
    around = here[max(column - 2, 0) : column]
    if around == "${":
        return "within [] and {} what holds ${NAME} must be quoted"
    if _COLON.match(here):
        return "quote a value that holds a colon and a space"
    if any(one in _SPECIAL for one in around):
        return f"quote a value that begins with one of {_SPECIAL}"
    return "is this line indented like its neighbours, and is every bracket and quotation mark closed?"
