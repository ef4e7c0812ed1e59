"""What a plain YAML scalar means: the YAML 1.2 core schema, without the forms that readers disagree about."""

from __future__ import annotations

import re
from typing import Final

_WHOLE: Final = re.compile(r"0|[-+]?[1-9]\d{0,17}", re.ASCII)
_DECIMAL: Final = re.compile(r"[-+]?(?:0|[1-9]\d{0,17})(?:\.\d{1,18})?(?:[eE][-+]?\d{1,2})?", re.ASCII)
_OCTAL: Final = re.compile(r"[-+]?0\d+", re.ASCII)
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})


def resolve(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar; what is none of null, true, false or a decimal number is a string.

    `yes`, `on`, `0x1F`, `1_000`, `12:30`, `.inf` and dates are strings. Raises `ValueError` for a number with a
    leading zero, which is octal to some readers and decimal to others.
    """
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _OCTAL.fullmatch(text):
        raise ValueError("is a number with a leading zero")
    return text
