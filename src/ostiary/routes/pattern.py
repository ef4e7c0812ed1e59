"""The path patterns of routes, read once from the configuration.

``/users/{id}/posts/**``: literal segments, ``{name}`` for exactly one segment, and a final ``/**`` for whatever
follows, nothing included. A final ``/`` means nothing, in a pattern as in a request: services rarely tell ``/admin``
from ``/admin/``, and a rule for one has to hold for the other.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

import msgspec

from ostiary.http.host import canonical_host
from ostiary.http.target import BadTarget, canonical

_PARAMETER: Final = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")
_UNQUOTED: Final = "!$&'()*+,=:@-._~%/"


class BadPattern(ValueError):
    """A pattern that nothing could match, or that does not mean what it seems to. The message is for operators."""


class Pattern(msgspec.Struct, frozen=True):
    """A path pattern; equal to another exactly if both match the same paths in the same way."""

    segments: tuple[str | None, ...]
    """Canonical literals; None stands for any one segment."""
    rest: bool
    """Whether any further segments may follow."""


def parse(text: str) -> Pattern:
    """Return the pattern that `text` writes. Non-ASCII literals may be written as themselves. Raises `BadPattern`."""
    if not text.startswith("/"):
        raise BadPattern("a path begins with /")
    written = text.removesuffix("/")[1:].split("/") if text != "/" else []
    rest = bool(written) and written[-1] == "**"
    if rest:
        written.pop()
    return Pattern(tuple(_segment(segment) for segment in written), rest)


def parse_host(text: str) -> str:
    """Return the canonical form of a route's host: ``*``, ``*.suffix`` or a name. Raises `BadPattern`."""
    if text == "*":
        return text
    wildcard = "*." if text.startswith("*.") else ""
    host = canonical_host(text.removeprefix(wildcard).encode())
    if host is None:
        raise BadPattern(
            f"{text!r} is no host: write a name (in its xn-- form, if it is international), *.suffix, or *"
        )
    if host.port is not None:
        raise BadPattern(f"{text!r}: routes do not look at ports")
    return wildcard + host.name


def _segment(text: str) -> str | None:
    if _PARAMETER.fullmatch(text):
        return None
    if not text:
        raise BadPattern("an empty segment: // is merged before matching")
    if "?" in text or "#" in text:
        raise BadPattern("routes look at the path only; for these characters themselves write %3F and %23")
    if "*" in text:
        raise BadPattern("* stands only in a final /**; for one segment write {name}")
    if "{" in text or "}" in text:
        raise BadPattern("a parameter is a whole segment: {name}, of letters, digits and _")
    quoted = quote(text, safe=_UNQUOTED)
    target = canonical(b"/" + quoted.encode("ascii"))
    if isinstance(target, BadTarget):
        raise BadPattern(f"no request matches {text!r} ({target.reason})")
    if target.path[1:] != quoted:
        raise BadPattern(f"requests are matched in canonical form: write {target.path[1:]!r} for {text!r}")
    return quoted
