"""Reading a token for a person, without verifying anything."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 64 * 1024
"""Characters of a token that are read at most."""

_TIMES: Final = ("exp", "nbf", "iat", "auth_time")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_BEYOND: Final = "beyond any calendar"
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"))


class Unreadable(Exception):
    """The text is not a compact JWS with JSON objects in it. The text never repeats the token."""


class Reading(msgspec.Struct, frozen=True):
    """What an unverified token says of itself."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signature_bytes: int


def read(text: str) -> Reading:
    """Take a compact JWS apart (RFC 7515 section 3.1), with or without ``Bearer`` before it. Raises `Unreadable`."""
    scheme, _, rest = text.strip().partition(" ")
    token = rest.strip() if scheme.lower() == "bearer" else text.strip()
    if len(token) > LONGEST:
        raise Unreadable(f"longer than {LONGEST} characters")
    segments = token.split(".")
    if len(segments) == 5:
        raise Unreadable("five parts: an encrypted token (JWE), which only its recipient can read")
    if len(segments) != 3:
        raise Unreadable(f"{len(segments)} part(s) where a JWS has three, separated by dots")
    header, claims, signature = segments
    return Reading(_object("header", header), _object("payload", claims), len(_decoded("signature", signature)))


def times(claims: dict[str, Any], wall: float) -> Iterator[str]:
    """Say of each time claim when it is and how far from `wall` (Unix seconds)."""
    for name in _TIMES:
        value = claims.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{name}  {_moment(value)}{_distance(value, wall)}"


def _moment(value: float) -> str:
    try:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return _BEYOND


def _distance(value: float, wall: float) -> str:
    try:
        seconds = value - wall
    except OverflowError:  # JSON's whole numbers are longer than any float
        return ""
    size = abs(seconds)
    text = next((f"{size / unit:.1f} {name}" for unit, name in _UNITS if size >= unit), f"{size:.0f} s")
    return f"  (in {text})" if seconds > 0 else f"  ({text} ago)"


def _object(name: str, segment: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(_decoded(name, segment), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unreadable(f"the {name} is not a JSON object") from None


def _decoded(name: str, segment: str) -> bytes:
    if segment and not _SEGMENT.fullmatch(segment):
        raise Unreadable(f"the {name} is not base64url without padding")
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error:
        raise Unreadable(f"the {name} is not base64url without padding") from None
