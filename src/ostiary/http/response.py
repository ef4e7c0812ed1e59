"""A response of an upstream, read strictly: what cannot be read one way only has no value (RFC 9112 section 6.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.http.framing import UNTIL_CLOSE, BadFraming, connection_options, persistent, response_framing
from ostiary.http.headers import Kind

if TYPE_CHECKING:
    from ostiary.http.headers import HeaderPolicy

_PASS: Final = Kind.PASS
_COOKIE: Final = Kind.COOKIE
_NOT_MODIFIED: Final = 304


class ResponseHead(msgspec.Struct, frozen=True, gc=False):
    """The head of a response.

    `passed` are the header lines that go to the client as they came. `body` is its length, or `CHUNKED` or
    `UNTIL_CLOSE`; `announced` the length that the upstream spoke of, which for HEAD is not that of `body`, or b"".
    `headless` says that no body follows whatever the fields say. `keep_alive`: the connection outlives the response.
    """

    status: int
    passed: bytes
    body: int
    announced: bytes
    headless: bool
    keep_alive: bool


def canonical_response(
    status: int, version: str, pairs: list[tuple[bytes, bytes]], method: str, policy: HeaderPolicy
) -> ResponseHead | BadFraming:
    """Make one frozen value of the head of a response to a request with `method`."""
    kind_of = policy.kind
    passed: list[bytes] = []
    lengths: list[bytes] = []
    codings: list[bytes] = []
    connection: list[bytes] = []
    for name, value in pairs:
        kind = kind_of(name)
        if kind is _PASS or kind is _COOKIE:
            passed.append(b"%b: %b\r\n" % (name, value))
        elif kind is Kind.CONTENT_LENGTH:
            lengths.append(value)
        elif kind is Kind.TRANSFER_ENCODING:
            codings.append(value)
        elif kind is Kind.CONNECTION:
            connection.append(value)
    body = response_framing(status, method.encode("ascii"), version, tuple(lengths), tuple(codings))
    if isinstance(body, BadFraming):
        return body
    options = connection_options(tuple(connection)) if connection else frozenset()
    return ResponseHead(
        status,
        b"".join(passed),
        body,
        lengths[0] if lengths else b"",
        method == "HEAD" or status == _NOT_MODIFIED,
        persistent(version, options) and body != UNTIL_CLOSE,
    )
