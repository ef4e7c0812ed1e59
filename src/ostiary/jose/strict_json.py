"""JSON objects that can be read one way only (RFC 8259; RFC 7515 section 4, RFC 7519 section 4).

Two parsers that disagree about a duplicate member, a lone surrogate or ``NaN`` can be made to see two different tokens.
All of these are refused here, and so is nesting that no claim set needs.
"""

from __future__ import annotations

import json
from typing import Final

import msgspec

_MAX_DEPTH: Final = 32
_SPACE_AS_QUOTE: Final = bytes.maketrans(b" \t\r\n", b'""""')


class Excessive(ValueError):
    """More than is read; its text says of what, as what follows the name of the text, and repeats nothing of it."""


def parse_object(text: bytes, brackets: int | None = None) -> dict[str, object]:
    """Return the JSON object that `text` (UTF-8) holds. Raises ValueError for anything else, Excessive for too much.

    With `brackets`, there may be so many ``{`` and ``[`` in it, those in strings included: empty arrays and objects
    take more time for each octet than anything else, and these are counted before any of it is spent.

    The fast decoder keeps the last of two equal members, so members are counted as well. In valid JSON every member has
    a colon that follows a quotation mark or white space: if there are no more such colons than members were decoded,
    none was lost. Where strings hold such colons too, a slow parser that sees every member has the last word.
    """
    objects, arrays = text.count(b"{"), text.count(b"[")
    if brackets is not None and objects + arrays > brackets:
        raise Excessive(f"has more than {brackets} opening brackets and braces")
    try:
        decoded = msgspec.json.decode(text)
        if type(decoded) is not dict:
            raise ValueError("not a JSON object")
        # No second brace, and nothing is nested but arrays, which have no members, and too few of them to be too deep.
        flat = objects == 1 and arrays < _MAX_DEPTH
        members = len(decoded) if flat else _members(decoded, _MAX_DEPTH)
        if members != text.translate(_SPACE_AS_QUOTE).count(b'":'):
            _every_member.decode(text.decode())
    except RecursionError as error:
        raise Excessive(f"is nested more than {_MAX_DEPTH} deep") from error
    except msgspec.MsgspecError as error:
        raise ValueError("not JSON") from error
    return decoded


def _members(value: dict[str, object] | list[object], depth: int) -> int:
    """Count the members of `value` and of everything in it."""
    if not depth:
        raise Excessive(f"is nested more than {_MAX_DEPTH} deep")
    count = 0
    children: object = value
    if type(value) is dict:
        count = len(value)
        children = value.values()
    for child in children:  # type: ignore[attr-defined]  # values of either
        if type(child) is dict or type(child) is list:
            count += _members(child, depth - 1)
    return count


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


_every_member: Final = json.JSONDecoder(object_pairs_hook=_no_duplicates)
