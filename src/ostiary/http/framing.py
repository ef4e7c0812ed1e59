"""Where a message ends, and whether the next may follow it: from its head alone (RFC 9112 sections 3, 6 and 9).

Request smuggling lives on the laxities of parsers; here everything is refused that two implementations
could read in two ways. A refused message ends its connection, for nobody knows where the next one begins.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.http.host import Host, canonical_host
from ostiary.http.target import BadTarget, split_absolute

if TYPE_CHECKING:
    from collections.abc import Sequence

CHUNKED: Final = -1
"""A body of chunks, in place of a length."""
UNTIL_CLOSE: Final = -2
"""A response body that ends with its connection."""
MAX_LENGTH: Final = 2**53
"""Largest Content-Length read: every implementation can still count to it."""


class Head(msgspec.Struct):
    """What was found in a request's head; each field's values in order, with or without white space."""

    method: bytes = b""
    version: str = ""
    hosts: tuple[bytes, ...] = ()
    lengths: tuple[bytes, ...] = ()
    codings: tuple[bytes, ...] = ()
    """Transfer-Encoding."""
    connection: tuple[bytes, ...] = ()
    expect: tuple[bytes, ...] = ()
    upgrade: tuple[bytes, ...] = ()


class Framing(msgspec.Struct, frozen=True):
    """The one way to read a request's head."""

    host: Host
    body: int
    """Bytes, or `CHUNKED`."""
    keep_alive: bool
    expects_continue: bool
    """The caller waits for 100 (Continue) before it sends the body."""
    upgrade: bytes
    """The protocol asked for, lower-case; empty if none is."""
    options: frozenset[bytes]
    """Connection options, lower-case: also the names of fields meant for this connection only."""


class BadFraming(msgspec.Struct, frozen=True):
    """A head that can be read in several ways, or in none.

    `reason` is a constant phrase, safe to show and to log: it never repeats what the peer sent.
    """

    reason: str


BAD_METHOD: Final = BadFraming("method")
BAD_VERSION: Final = BadFraming("protocol version")
BAD_TARGET_FORM: Final = BadFraming("target form")
BAD_HOST: Final = BadFraming("Host field")
HOST_MISMATCH: Final = BadFraming("Host field differs from target")
BAD_LENGTH: Final = BadFraming("Content-Length field")
BAD_CODING: Final = BadFraming("Transfer-Encoding field")
TWO_FRAMINGS: Final = BadFraming("both Content-Length and Transfer-Encoding")
BAD_EXPECTATION: Final = BadFraming("Expect field")
BAD_UPGRADE: Final = BadFraming("Upgrade field")
BAD_STATUS: Final = BadFraming("status code")
UNWANTED_BODY: Final = BadFraming("body in a response that has none")

_OWS: Final = b" \t"
COMMON_METHODS: Final = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"))
# CONNECT is for another kind of proxy; the answer to TRACE would show the caller what only the upstream is told.
_REFUSED_METHODS: Final = frozenset((b"CONNECT", b"TRACE", b"PRI"))
# What a route may name (`config.words.Method`), and nothing else: a service that takes `post` or `POST*` for POST would
# do what another rule was asked about.
_METHOD: Final = re.compile(rb"[A-Z][A-Z-]{0,31}")
_NO_WISHES: Final = (False, b"")
_NO_OPTIONS: Final[frozenset[bytes]] = frozenset()
_COMMON_OPTIONS: Final[dict[tuple[bytes, ...], frozenset[bytes]]] = {
    (spelling,): frozenset((spelling.lower(),)) for spelling in (b"keep-alive", b"Keep-Alive", b"close", b"Close")
}


_PLAIN_ENTRIES: Final = 256
_PLAIN_OCTETS: Final = 256
_plain: Final[dict[bytes, Framing]] = {}


def request_framing(head: Head) -> Framing | BadFraming:
    """Read the framing of a request, or say what is wrong with it."""
    if head.version != "1.1" and head.version != "1.0":  # noqa: PLR1714 - twice as fast as a set, on every request
        return BAD_VERSION
    if head.method not in COMMON_METHODS and (head.method in _REFUSED_METHODS or not _METHOD.fullmatch(head.method)):
        return BAD_METHOD
    host = canonical_host(head.hosts[0].strip(_OWS)) if len(head.hosts) == 1 else None
    if host is None:
        return BAD_HOST
    body = _body(head.lengths, head.codings, head.version) if head.lengths or head.codings else 0
    if isinstance(body, BadFraming):
        return body
    options = connection_options(head.connection) if head.connection else _NO_OPTIONS
    wishes = _wishes(head, body, options) if head.expect or head.upgrade else _NO_WISHES
    if isinstance(wishes, BadFraming):
        return wishes
    # Octets behind a wish for another protocol may be meant in that one, so they are not read as a request.
    keep_alive = persistent(head.version, options) and not wishes[1]
    return Framing(host, body, keep_alive, *wishes, options)


def plain_framing(host: bytes) -> Framing | BadFraming:
    """Read the framing of what nearly all requests are: HTTP/1.1, one Host field, none that tells of a body or wishes.

    The same as `request_framing`, in one look-up.
    """
    framing = _plain.get(host)
    if framing is None:
        name = canonical_host(host.strip(_OWS))
        if name is None:
            return BAD_HOST
        framing = Framing(name, 0, True, False, b"", _NO_OPTIONS)
        if len(_plain) >= _PLAIN_ENTRIES:
            _plain.clear()
        if len(host) <= _PLAIN_OCTETS:
            _plain[host] = framing
    return framing


def origin_form(target: bytes, host: Host) -> bytes | BadFraming:
    """Reduce an absolute-form target, which must say the same as the Host field (RFC 9112 section 3.2.2)."""
    split = split_absolute(target)
    if isinstance(split, BadTarget):
        return BAD_TARGET_FORM
    return split[1] if canonical_host(split[0]) == host else HOST_MISMATCH


def response_framing(
    status: int, request_method: bytes, version: str, lengths: Sequence[bytes], codings: Sequence[bytes]
) -> int | BadFraming:
    """Return the length of a response's body, `CHUNKED` or `UNTIL_CLOSE` (RFC 9112 section 6.3), or what is wrong."""
    if version != "1.1" and version != "1.0":  # noqa: PLR1714 - as above
        return BAD_VERSION
    if not 100 <= status <= 599:  # others are invalid (RFC 9110 section 15), and each client makes its own of them
        return BAD_STATUS
    body = _body(lengths, codings, version) if lengths or codings else UNTIL_CLOSE
    if isinstance(body, BadFraming):
        return body
    if status < 200 or status == 204:
        # Whoever announces a body here might send it: as the answer to the next request on the connection.
        return 0 if body in {0, UNTIL_CLOSE} else UNWANTED_BODY
    return 0 if status == 304 or request_method == b"HEAD" else body


def connection_options(values: Sequence[bytes]) -> frozenset[bytes]:
    """Return the options of the Connection fields with these values, lower-case (RFC 9110 section 7.6.1)."""
    common = _COMMON_OPTIONS.get(tuple(values))
    if common is not None:
        return common
    return frozenset(option.strip(_OWS) for value in values for option in value.lower().split(b",")) - {b""}


def persistent(version: str, options: frozenset[bytes]) -> bool:
    """Whether the connection outlives the message (RFC 9112 section 9.3)."""
    return b"close" not in options and (version == "1.1" or b"keep-alive" in options)


def _wishes(head: Head, body: int, options: frozenset[bytes]) -> tuple[bool, bytes] | BadFraming:
    """Return whether 100 (Continue) is awaited, and the protocol to change to."""
    if head.expect and (len(head.expect) > 1 or head.expect[0].strip(_OWS).lower() != b"100-continue"):
        return BAD_EXPECTATION
    if head.version == "1.0":  # there both fields mean nothing (RFC 9110 sections 7.8 and 10.1.1)
        return _NO_WISHES
    expects_continue = bool(head.expect) and body != 0
    if not head.upgrade or b"upgrade" not in options:
        return expects_continue, b""
    if len(head.upgrade) > 1 or body != 0:
        return BAD_UPGRADE  # whether the body belongs to the old or to the new protocol is anyone's guess
    return expects_continue, head.upgrade[0].strip(_OWS).lower()


def _length(value: bytes) -> int | BadFraming:
    """Read the one Content-Length of a message (RFC 9110 section 8.6)."""
    length = value.strip(_OWS)
    # Digits only, no superfluous zero, and short enough that reading it costs nothing.
    if not length.isdigit() or len(length) > 16 or (length[:1] == b"0" and length != b"0"):
        return BAD_LENGTH
    number = int(length)
    return number if number <= MAX_LENGTH else BAD_LENGTH


def _body(lengths: Sequence[bytes], codings: Sequence[bytes], version: str) -> int | BadFraming:
    if not codings:
        return _length(lengths[0]) if len(lengths) == 1 else BAD_LENGTH
    if lengths:
        return TWO_FRAMINGS
    # RFC 9112 section 6.1: an HTTP/1.0 message with a Transfer-Encoding has faulty framing.
    if len(codings) > 1 or codings[0].strip(_OWS).lower() != b"chunked" or version == "1.0":
        return BAD_CODING
    return CHUNKED
