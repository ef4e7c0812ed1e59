"""A response of an upstream, read strictly: what cannot be read one way only has no value (RFC 9112 section 6.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.http.framing import UNTIL_CLOSE, BadFraming, connection_options, persistent, response_framing
from ostiary.http.head import printable, response_head
from ostiary.http.headers import Kind, without
from ostiary.http.status import status_line

if TYPE_CHECKING:
    from ostiary.http.headers import HeaderPolicy

_PASS: Final = Kind.PASS
_BAD_OCTETS: Final = BadFraming("control character")
_NO_CONTENT: Final = 204
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
    kind_of = policy.answer_kind
    passed: list[bytes] = []
    about: list[tuple[Kind, bytes]] = []
    for name, value, _ in fields:
        kind = kind_of(name)
        if kind is _PASS:
            passed += (name, b": ", value, b"\r\n")
        else:
            about.append((kind, value))
    lengths = _values(about, Kind.CONTENT_LENGTH)
    body = response_framing(
        status, method.encode("ascii"), str(version, "ascii"), lengths, _values(about, Kind.TRANSFER_ENCODING)
    )
    if isinstance(body, BadFraming):
        return body, rest
    options = connection_options(_values(about, Kind.CONNECTION))
    # Of the fields that go no further, too: to a parser that ends lines at LF, there may be framing in them.
    if not printable(b"".join(passed[2::4])) or not all(printable(value) for _, value in about):
        return _BAD_OCTETS, rest
    if not options <= _LASTING:
        passed = without(options, fields, kind_of)
    if lengths and status != _NO_CONTENT:  # RFC 9110 section 8.6: not even of nothing
        passed += (b"Content-Length", b": ", lengths[0], b"\r\n")
    keep_alive = persistent(str(version, "ascii"), options) and body != UNTIL_CLOSE
    return ResponseHead(status, status_line(status) + b"".join(passed), body, keep_alive), rest


def _values(fields: list[tuple[Kind, bytes]], kind: Kind) -> tuple[bytes, ...]:
    return tuple(value.rstrip(b" \t") for of, value in fields if of is kind)
