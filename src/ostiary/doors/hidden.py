"""What may be a secret of the caller's by its name, and is not shown (law 8)."""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = b"(as it was sent)"
_NAMES: Final = (
    rb"cookie|token|secret|passw|api-?_?key|credential|signature|session|authorization|assertion|jwt|\bsig\b|\bcode\b"
)
_FIELD: Final = re.compile(rb"^([^:\r\n]*(?:%b)[^:\r\n]*:[ \t]*)[^\r\n]*" % _NAMES, re.IGNORECASE | re.MULTILINE)
_PARAMETER: Final = re.compile(rb"([?&][^=&]*(?:%b)[^=&]*=)[^&]+" % _NAMES, re.IGNORECASE)


def hide_fields(lines: bytes) -> bytes:
    """Return header lines, each ended by CRLF, with the values hidden of those that may be secret."""
    return _FIELD.sub(rb"\g<1>" + HIDDEN, lines)


def hide_parameters(target: bytes) -> bytes:
    """Return the request target with the values hidden of those query parameters that may be secret."""
    return _PARAMETER.sub(rb"\g<1>***", target)
