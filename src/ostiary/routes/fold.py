"""Segments that some service may take for one another: those that differ in case, or in the code points of a letter.

Services compare paths as they are, or in lower or upper case, and file systems normalise names as well. The KELVIN SIGN
is then ``k``, the long s is ``s``, and ``é`` is one code point or two.
"""

from __future__ import annotations

from typing import Final
from unicodedata import normalize
from urllib.parse import unquote

LONGEST_SPELLING: Final = 36
"""Octets of a segment for each character of what it folds to, at most: an escaped character has up to twelve, and no
more than three become one. Sorting the marks of a letter takes quadratic time, so what is too long is not folded."""


def fold(segment: str) -> str:
    """Return what all spellings of the canonical `segment` have in common."""
    if "%" not in segment:
        return segment.lower()
    # Upper case first, for the dotless i; composed again, for a letter in another case may be several.
    folded = normalize("NFKC", normalize("NFKC", unquote(segment)).upper().casefold())
    return folded.replace("i\u0307", "i")  # some take the dot of a Turkish capital along, and some do not
