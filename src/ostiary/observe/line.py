"""A log record as one line: JSON in printable ASCII, of bounded length, whatever a caller put into it."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

MAX_LINE: Final = 4096
"""Bytes of the longest line, newline included. POSIX writes no more than this into a pipe in one piece."""

_SHORTER: Final = (256, 32)
_encode: Final = msgspec.json.Encoder().encode


def line(record: msgspec.Struct) -> bytes:
    r"""Encode `record` with a newline at its end.

    Quotes, backslashes and controls are escaped as JSON has it; everything else beyond printable ASCII as ``\u…``, so
    that no terminal and no parser of the log is ever steered by what a caller sent. A record that comes out longer than
    `MAX_LINE` has its strings cut and says so in a member ``truncated``. A lone surrogate, which JSON cannot carry,
    becomes ``?``.
    """
    try:
        encoded = _encode(record)
    except UnicodeEncodeError:
        return _carefully(record)
    if len(encoded) >= MAX_LINE or not encoded.isascii() or b"\x7f" in encoded:
        return _carefully(record)
    return encoded + b"\n"


def _carefully(record: msgspec.Struct) -> bytes:
    encoded = _ascii(record, {})
    for length in _SHORTER:
        if len(encoded) < MAX_LINE:
            break
        cut = {name: value[:length] for name, value in _members(record).items() if isinstance(value, str)}
        encoded = _ascii(record, {**cut, "truncated": True})
    return encoded + b"\n"


def _ascii(record: msgspec.Struct, changes: dict[str, Any]) -> bytes:
    text = json.dumps(_members(record) | changes, separators=(",", ":"), default=msgspec.to_builtins)
    return text.replace("\x7f", "\\u007f").encode("ascii")


def _members(record: msgspec.Struct) -> dict[str, Any]:
    """What the encoder would write: members at their default are left out."""
    defaults = dict(zip(reversed(record.__struct_fields__), reversed(record.__struct_defaults__), strict=False))
    return {
        name: value.encode(errors="replace").decode() if isinstance(value, str) else value
        for name, value in msgspec.structs.asdict(record).items()
        if name not in defaults or value != defaults[name]
    }
