"""The bearer token in a cookie (RFC 6265 sections 4.2.1 and 5.4), which counts in a WebSocket handshake only.

A browser adds its cookies to whatever any page asks for, so nothing else authenticates by one, and a handshake only if
its Origin may: see `authorize.websocket`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.decision.outcome import NOT_MINE, NotMine, Refusal
from ostiary.decision.reason import AMBIGUOUS_CREDENTIALS, BAD_REQUEST, INVALID_TOKEN
from ostiary.http.websocket import Handshake

if TYPE_CHECKING:
    from ostiary.http.request import Request

_SEPARATOR: Final = b"; "
_OWS: Final = b" \t"
_OCTETS: Final = rb"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*+"
_VALUE: Final = re.compile(rb'(%b)|"(%b)"' % (_OCTETS, _OCTETS))
_LINE: Final = re.compile(rb"^(cookie: )([^\r]*)\r\n", re.IGNORECASE | re.MULTILINE)
_SEVERAL: Final = Refusal(AMBIGUOUS_CREDENTIALS, "Send one cookie with a token.")
_EMPTY: Final = Refusal(INVALID_TOKEN, "The cookie that is for the token is empty.")
_MALFORMED: Final = Refusal(BAD_REQUEST, "Malformed Cookie field.")


def cookie_token(values: tuple[bytes, ...], name: bytes) -> bytes | NotMine | Refusal:
    """Take the raw token out of the cookie called `name` in the raw values of every ``Cookie`` field of a request.

    `NOT_MINE` when there is none; a `Refusal` when there are several, it is empty, or the fields are not pairs with one
    semicolon and one space between them. What other cookies are called, and what is in them, is nobody's concern here.
    """
    found: list[bytes] = []
    for pair in _pairs(values):
        if not pair or b";" in pair:
            return _MALFORMED
        called, equals, value = pair.partition(b"=")
        if called.strip(_OWS) == name:
            match = _VALUE.fullmatch(value)
            if called != name or not equals or match is None:
                return _MALFORMED
            found.append(match[1] or match[2] or b"")
    if len(found) > 1:
        return _SEVERAL
    return (found[0] or _EMPTY) if found else NOT_MINE


def take_cookie(request: Request, name: bytes) -> Request | Refusal:
    """Return a WebSocket handshake with the token in its cookie called `name` taken to where other tokens are.

    What goes upstream has the other cookies only. A request without that cookie, or that is no handshake, is returned
    as it is, and so is any if `name` is empty; a `Refusal` when the cookie cannot be read one way only.
    """
    if not name or not isinstance(request.handshake, Handshake):
        return request
    token = cookie_token(request.handshake.cookies, name)
    if isinstance(token, Refusal):
        return token
    if isinstance(token, NotMine):
        return request
    return msgspec.structs.replace(
        request,
        authorization=(*request.authorization, b"Bearer " + token),
        passed=_without(request.passed, name),
    )


def _without(lines: bytes, name: bytes) -> bytes:
    """Return header lines, each ended by CRLF, without the cookie called `name`."""

    def left(line: re.Match[bytes]) -> bytes:
        pairs = [pair for pair in _pairs((line[2].rstrip(_OWS),)) if pair.partition(b"=")[0] != name]
        return b"%b%b\r\n" % (line[1], _SEPARATOR.join(pairs)) if pairs else b""

    return _LINE.sub(left, lines)


def _pairs(values: tuple[bytes, ...]) -> list[bytes]:
    """Return the pairs of several fields, which are to be read as one (RFC 9113 section 8.2.3)."""
    return [pair for value in values for pair in value.split(_SEPARATOR)]
