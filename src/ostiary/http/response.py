"""A response of an upstream, read strictly: what cannot be read one way only has no value (RFC 9112 section 6.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.http.framing import UNTIL_CLOSE, BadFraming, connection_options, length_of, persistent, response_framing
from ostiary.http.head import printable, response_head
from ostiary.http.headers import Kind, without
from ostiary.http.status import status_line

if TYPE_CHECKING:
    from ostiary.http.headers import HeaderPolicy

_PASS: Final = Kind.PASS
_CONTENT_LENGTH: Final = Kind.CONTENT_LENGTH
_TRANSFER_ENCODING: Final = Kind.TRANSFER_ENCODING
_CONNECTION: Final = Kind.CONNECTION
_BAD_OCTETS: Final = BadFraming("control character")
_BODILESS: Final = frozenset({*range(100, 200), 204, 304})
"""Statuses whose responses have no body, whatever their fields say."""
_LASTING: Final = frozenset({b"keep-alive", b"close"})


class ResponseHead(msgspec.Struct, frozen=True, gc=False):
    """The head of a response.

    `lines` are the status line and the header lines that go to the client, each ended by CRLF; among them the length
    that the upstream spoke of, which for HEAD is not that of the body. `body` is its length, or `CHUNKED` or
    `UNTIL_CLOSE`. `keep_alive`: the connection outlives the response.
    """

    status: int
    lines: bytes
    body: int
    keep_alive: bool


def read_response(data: bytes, method: str, policy: HeaderPolicy) -> tuple[ResponseHead | BadFraming, bytes] | None:
    """Make one frozen value of the head that `data` begins with, of a response to `method`, and return what follows it.

    None if there is no well-formed and complete head.
    """
    cut = response_head(data)
    if cut is None:
        return None
    version, status, fields, rest = cut
    kind_of = policy.kind
    passed: list[bytes] = []
    lengths: tuple[bytes, ...] = ()
    codings: tuple[bytes, ...] = ()
    connection: tuple[bytes, ...] = ()
    for name, value, _ in fields:
        kind = kind_of(name)
        if kind is _PASS:
            passed += (name, b": ", value, b"\r\n")
        elif kind is _CONTENT_LENGTH:
            lengths += (value,)
        elif kind is _CONNECTION:
            connection += (value.rstrip(b" \t"),)
        elif kind is _TRANSFER_ENCODING:
            codings += (value,)
    if codings or len(lengths) != 1 or status in _BODILESS or method == "HEAD":
        body = response_framing(status, method.encode("ascii"), str(version, "ascii"), lengths, codings)
    else:
        body = length_of(lengths[0])
    if isinstance(body, BadFraming):
        return body, rest
    if status == 204:
        lengths = ()  # RFC 9110 section 8.6: not even of nothing
    keep_alive = version == b"1.1"
    if connection:
        options = connection_options(connection)
        keep_alive = persistent(str(version, "ascii"), options)
        if not options <= _LASTING:
            passed = without(options, fields, policy)
    if not printable(b"".join(passed[2::4])):
        return _BAD_OCTETS, rest
    if lengths:
        passed += (b"Content-Length", b": ", lengths[0], b"\r\n")
    lines = status_line(status) + b"".join(passed)
    return ResponseHead(status, lines, body, keep_alive and body != UNTIL_CLOSE), rest
