"""The request target, made canonical once (RFC 9112 section 3.2, RFC 3986 section 6.2.2).

Rules are matched against the canonical path, and the canonical path is what goes upstream (law 2). The policy:

- a percent-encoded character that may stand in a path segment as itself is decoded; every other stays encoded, in
  upper-case hex; ``[`` and ``]``, which browsers send as themselves, are encoded;
- empty segments are merged away, then dot segments are removed; a path that climbs above its root is refused;
- refused, because servers disagree about them: raw characters that no path may hold, broken escapes, control
  characters and NUL in any form, backslashes and encoded slashes, ``;`` in any form (path parameters), paths that are
  not UTF-8 once decoded, and doubly encoded forms of what is refused or of a dot. Nothing is ever decoded twice;
- letters keep their case: ``/ADMIN`` is not ``/admin`` (the route table refuses such look-alikes, see `routes.fold`);
- the query is passed on byte for byte, if it is visible ASCII without ``#``. No rule looks at it.
"""

from __future__ import annotations

import itertools
import re
from typing import Final

import msgspec


class Target(msgspec.Struct, frozen=True):
    """A canonical origin-form target; `canonical` is idempotent on `raw`."""

    path: str
    """Canonical path, ASCII, still percent-encoded: the part of `raw` before the query."""
    query: bytes
    """What follows the first ``?``, without it; empty if there is none."""
    raw: bytes
    """The target as it goes upstream."""


class BadTarget(msgspec.Struct, frozen=True):
    """A target that has no canonical form, or more than one.

    `reason` is a constant phrase, safe to show and to log: it never repeats what the caller sent.
    """

    reason: str


BAD_PATH_CHARACTER: Final = BadTarget("path character")
BAD_ESCAPE: Final = BadTarget("path escape")
BAD_UTF8: Final = BadTarget("path is not UTF-8")
BAD_CLIMB: Final = BadTarget("path climbs above its root")
BAD_QUERY: Final = BadTarget("query character")
NOT_ORIGIN_FORM: Final = BadTarget("target form")

_SEGMENT: Final = rb"A-Za-z0-9_~!$&'()*+,=:@\-"  # what needs no second look anywhere: pchar without "." ";" "%"
_QUERY: Final = rb"(?:\?[!\"$-~]*+)?"
CLEAN: Final = rb"((?=/)(?:/[%b][%b.]*+)*+/?+)(%b)" % (_SEGMENT, _SEGMENT, _QUERY)
"""A pattern of the targets that are canonical as they are: the path, and the query with its mark."""
_CLEAN: Final = re.compile(CLEAN)
_LEGAL_QUERY: Final = re.compile(_QUERY)
_LEGAL_PATH: Final = re.compile(rb"/(?:[%b./\[\]]++|%%[0-9A-Fa-f]{2})*" % _SEGMENT)
_BAD_ESCAPES: Final = re.compile(
    rb"%(?:[01].|7F|2F|5C|3B"  # controls, DEL, slash, backslash, semicolon
    rb"|25(?:[01][0-9A-F]|7F|2F|5C|3B|2E|25))",  # and their doubly encoded forms, with those of "." and "%"
    re.IGNORECASE | re.DOTALL,
)
_REWRITTEN: Final = re.compile(rb"%..|[\[\]]", re.DOTALL)
_AS_ITSELF: Final = re.compile(rb"[%b.]" % _SEGMENT)
_ABSOLUTE: Final = re.compile(rb"https?://([^/?]*+)(.*+)", re.IGNORECASE | re.DOTALL)


def _rewrite_table() -> dict[bytes, bytes]:
    """Map every spelling of an escape, and the brackets, to the canonical one."""
    table = {b"[": b"%5B", b"]": b"%5D"}
    for code in range(256):
        character = bytes((code,))
        upper = b"%%%02X" % code
        canonical_form = character if _AS_ITSELF.fullmatch(character) else upper
        high, low = upper[1:2], upper[2:3]
        for spelling in itertools.product((high, high.lower()), (low, low.lower())):
            table[b"%" + b"".join(spelling)] = canonical_form
    return table


_REWRITE: Final = _rewrite_table()


def canonical(target: bytes) -> Target | BadTarget:
    """Return the canonical form of an origin-form `target`, or why it has none. Linear in its length."""
    clean = _CLEAN.fullmatch(target)
    if clean is not None:
        start = clean.end(1)
        return Target(str(target[:start], "ascii"), target[start + 1 :], target)
    return _canonical_slowly(target)


def split_absolute(target: bytes) -> tuple[bytes, bytes] | BadTarget:
    """Split an absolute-form `target` into authority and origin-form, both unchecked (RFC 9112 section 3.2.2)."""
    parts = _ABSOLUTE.fullmatch(target)
    if parts is None:
        return NOT_ORIGIN_FORM
    authority, rest = parts.groups()
    return authority, rest if rest[:1] == b"/" else b"/" + rest


def _canonical_slowly(target: bytes) -> Target | BadTarget:
    path, mark, query = target.partition(b"?")
    if path[:1] != b"/":
        return NOT_ORIGIN_FORM
    if not _LEGAL_QUERY.fullmatch(mark + query):
        return BAD_QUERY
    if not _LEGAL_PATH.fullmatch(path):
        return BAD_PATH_CHARACTER
    if b"%" in path or b"[" in path or b"]" in path:
        path = _REWRITTEN.sub(lambda found: _REWRITE[found.group()], path)
        if _BAD_ESCAPES.search(path):  # only now: decoding may have completed a doubly encoded form
            return BAD_ESCAPE
        if not _is_utf8(path):
            return BAD_UTF8
    without_dots = _without_dot_segments(path)
    if without_dots is None:
        return BAD_CLIMB
    return Target(str(without_dots, "ascii"), query, without_dots + mark + query)


def _is_utf8(path: bytes) -> bool:
    try:
        re.sub(rb"%(..)", lambda found: bytes((int(found.group(1), 16),)), path).decode()
    except UnicodeDecodeError:
        return False
    return True


def _without_dot_segments(path: bytes) -> bytes | None:
    """Merge empty segments, then apply RFC 3986 section 5.2.4; None if the path climbs above its root."""
    kept: list[bytes] = []
    segments = path.split(b"/")[1:]
    for segment in segments:
        if segment == b"..":
            if not kept:
                return None
            kept.pop()
        elif segment not in (b"", b"."):
            kept.append(segment)
    if kept and segments[-1] in (b"", b".", b".."):
        kept.append(b"")  # a path that names a folder goes on doing so
    return b"/" + b"/".join(kept)
