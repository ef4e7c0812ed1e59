"""What may be a secret of the caller's by its name, and is not shown (law 8)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

HIDDEN: Final = b"(as it was sent)"
_NAMES: Final = (
    rb"cookie|token|secret|passw|api-?_?key|credential|signature|session|authorization|assertion|jwt|\bsig\b|\bcode\b"
)
_FIELD: Final = re.compile(rb"^([^:\r\n]*(?:%b)[^:\r\n]*:[ \t]*)[^\r\n]*" % _NAMES, re.IGNORECASE | re.MULTILINE)
_NAME: Final = re.compile(_NAMES, re.IGNORECASE)
_NAMED: Final = re.compile(rb"(?:^|\?)([^=?]*)=(?=.)")


def hide_fields(lines: bytes) -> bytes:
    """Return header lines, each ended by CRLF, with the values hidden of those that may be secret."""
    return _FIELD.sub(rb"\g<1>" + HIDDEN, lines)


def hide_parameters(target: bytes) -> bytes:
    """Return the request target with the values hidden of those query parameters that may be secret."""
    path, mark, query = target.partition(b"?")
    return path + mark + b"&".join(map(_shown, query.split(b"&")))


def _shown(parameter: bytes) -> bytes:
    """Hide what follows the first name that tells of a secret; a value may be a target with parameters of its own."""
    for named in _NAMED.finditer(parameter):
        if _NAME.search(unquote_to_bytes(named[1])):  # a name may be spelt with escapes
            return parameter[: named.end()] + b"***"
    return parameter
