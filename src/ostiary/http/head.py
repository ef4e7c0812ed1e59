"""The head of a message, cut into its start line and fields (RFC 9112 sections 2.2 to 5).

This is the gateway's own reading of HTTP/1, for two reasons. Everything that two parsers could read differently is
refused here: a line ends in CRLF and in nothing else, no line is folded, no white space stands before a colon, no
control character anywhere. And it is cut in one pass of the regular-expression engine, which takes a third of the time
of a parser that calls back for each field; the next message's first octet is known, which such a parser does not tell.
"""

from __future__ import annotations

import re
from typing import Final

END: Final = b"\r\n\r\n"
"""What ends a head."""
REQUEST_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}+) ([!-~\x80-\xff]++) HTTP/([0-9]\.[0-9])(?=\r\n)")
"""Method, target and version."""
_STATUS_LINE: Final = re.compile(rb"HTTP/(1\.[01]) ([1-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*+)?(?=\r\n)")
_FIELDS: Final = re.compile(rb"\r\n([!#$%&'*+.^_`|~0-9A-Za-z-]++):[ \t]*+([^\r]*+)|((?s:.++))")
"""Each field's name and value; or, as the last match, everything from where the next line is no field."""
_LONG: Final = 4096
"""Octets from which on what follows a head is worth not being looked at with it."""
_CONTROLS: Final = {*range(0x20), 0x7F} - {0x09}
_UNPRINTABLE: Final = bytes(0x20 if code in _CONTROLS else code for code in range(256))
_HOPELESS: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n|\Z)")

Fields = list[tuple[bytes, bytes, bytes]]
"""Raw names and values in their order; the third member is empty."""


def request_head(data: bytes) -> tuple[bytes, bytes, bytes, Fields, bytes] | None:
    """Cut the request head that `data` begins with: method, target, version, fields, and what follows the head.

    Values have no white space in front, may have some behind, and are not looked into: `printable` does that. None if
    there is no well-formed and complete head.
    """
    start = REQUEST_LINE.match(data)
    if start is None:
        return None
    cut = _cut(data, start.end())
    if cut is None:
        return None
    method, target, version = start.groups()
    return method, target, version, *cut


def response_head(data: bytes) -> tuple[bytes, int, Fields, bytes] | None:
    """Cut the response head that `data` begins with: version, status, fields, and the octets that follow the head."""
    start = _STATUS_LINE.match(data)
    if start is None:
        return None
    cut = _cut(data, start.end())
    if cut is None:
        return None
    version, status = start.groups()
    return version, int(status), *cut


def _cut(data: bytes, at: int) -> tuple[Fields, bytes] | None:
    """Cut the fields that begin `at` the end of the start line, and return what follows the head, too."""
    if len(data) < _LONG:
        fields = _FIELDS.findall(data, at)
        rest = fields.pop()[2]
        return (fields, rest[4:]) if rest[:4] == END else None
    end = data.find(END, at)
    if end < 0:
        return None
    fields = _FIELDS.findall(data, at, end + 4)
    return (fields, data[end + 4 :]) if fields.pop()[2] == END else None


def printable(text: bytes) -> bool:
    """Tell whether `text` has no control character other than the tab."""
    # A table without effect returns the very object: the cheapest way to look at each octet.
    return text.translate(_UNPRINTABLE) is text


def hopeless(part: bytes, seen: int = 0) -> bool:
    """Tell whether a head that begins with `part` cannot become a good one, so that there is no need to wait for it.

    The first `seen` octets were looked at before.
    """
    return _HOPELESS.search(part, max(seen - 1, 0)) is not None


def unfinished(part: bytes, seen: int) -> bool:
    """Tell whether there is nothing to do yet with a head that begins with `part` but to wait for more of it.

    Only what came behind the first `seen` octets is looked at: a head that comes octet by octet must not be read anew
    with each of them.
    """
    return part.find(END, max(seen - len(END) + 1, 0)) < 0 and not hopeless(part, seen)
