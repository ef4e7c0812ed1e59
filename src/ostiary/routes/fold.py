"""Segments that some service may take for one another: those that differ in case, or in the code points of a letter.

Services compare paths as they are, or in lower or upper case, and file systems normalise names as well, or leave out
what nobody sees. The KELVIN SIGN is then ``k``, the long s is ``s``, ``é`` is one code point or two, and a soft hyphen
is nothing.
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import normalize
from urllib.parse import unquote

LONGEST_SPELLING: Final = 36
"""Octets of a segment for each character of what it folds to, at most: an escaped character has up to twelve, and no
more than three become one. Sorting the marks of a letter takes quadratic time, so what is too long is not folded."""
_UNSEEN: Final = re.compile(
    r"%(?:C2%AD|CD%8F|D8%9C|E1%(?:85%(?:9F|A0)|9E%B[45]|A0%8[B-F])|E2%(?:80%(?:8[B-F]|A[A-E])|81%A[0-9A-F])|E3%85%A4"
    r"|EF%(?:B8%8[0-9A-F]|BB%BF|BE%A0|BF%B[0-8])|F0%(?:9B%B2%A[0-3]|9D%85%B[3-9A])|F3%A0%..%..)"
)
"""The escapes of Unicode's default ignorable code points (UAX #44, Default_Ignorable_Code_Point)."""


def seen(segment: str) -> str:
    """Return the canonical `segment` without the characters that nobody sees."""
    return _UNSEEN.sub("", segment)


def fold(segment: str) -> str:
    """Return what all spellings of `segment`, a canonical one as it is `seen`, have in common."""
    if "%" not in segment:
        return segment.lower()
    # Upper case first, for the dotless i; composed again, for a letter in another case may be several.
    folded = normalize("NFKC", normalize("NFKC", unquote(segment)).upper().casefold())
    return folded.replace("i\u0307", "i")  # some take the dot of a Turkish capital along, and some do not
