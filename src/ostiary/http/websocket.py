"""The WebSocket handshake (RFC 6455 section 4): what is asked for, where a token may be in it, what a good answer is.

Pure functions and values. The gateway speaks no WebSocket: it judges the handshake, and passes on what follows.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha1
from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.http.framing import connection_options
from ostiary.http.head import printable, response_head
from ostiary.jose.base64url import decode

if TYPE_CHECKING:
    from ostiary.http.head import Fields

_ACCEPT: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")
"""Sixteen octets in base64."""
_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_MARKER: Final = b"bearer"
_ENCODED: Final = b"base64url.bearer.authorization.k8s.io."
_OWS: Final = b" \t"
_SWITCHING: Final = 101


class Handshake(msgspec.Struct, frozen=True):
    """A well-formed wish for a WebSocket."""

    key: bytes
    protocols: tuple[bytes, ...]
    """The subprotocols offered, without those that carry a credential."""
    extensions: tuple[bytes, ...]
    """Raw values of the fields."""
    tokens: tuple[bytes, ...]
    """The bearer tokens found among the subprotocols."""
    marker: bytes
    """The word that announced a token, as it was spelt, and that may be chosen as subprotocol; else empty."""
    origins: tuple[bytes, ...]
    """Raw values of the Origin fields."""
    cookies: tuple[bytes, ...] = ()
    """Raw values of the Cookie fields."""

    @property
    def fields(self) -> bytes:
        """The header lines that pass the wish on, each ended by CRLF."""
        lines = [b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "]
        lines += (self.key, b"\r\n")
        if self.protocols:
            lines += (b"Sec-WebSocket-Protocol: ", b", ".join(self.protocols), b"\r\n")
        lines.extend(b"Sec-WebSocket-Extensions: %b\r\n" % value for value in self.extensions)
        return b"".join(lines)


class BadHandshake(msgspec.Struct, frozen=True):
    """A wish that cannot be granted. `reason` is a constant phrase: it never repeats what the peer sent."""

    reason: str


BAD_METHOD: Final = BadHandshake("method")
BAD_KEY: Final = BadHandshake("Sec-WebSocket-Key field")
BAD_PROTOCOL: Final = BadHandshake("Sec-WebSocket-Protocol field")
BAD_VERSION: Final = BadHandshake("Sec-WebSocket-Version field")


def read_handshake(method: bytes, fields: Fields) -> Handshake | BadHandshake:
    """Read the wish for a WebSocket in the head with this method and these fields (RFC 6455 section 4.2.1)."""
    if method != b"GET":
        return BAD_METHOD
    if _values(fields, b"sec-websocket-version") != (b"13",):
        return BAD_VERSION
    key = _values(fields, b"sec-websocket-key")
    if len(key) != 1 or not _KEY.fullmatch(key[0]):
        return BAD_KEY
    offered = _elements(_values(fields, b"sec-websocket-protocol"))
    if len(set(offered)) < len(offered) or not all(_TOKEN.fullmatch(name) for name in offered):
        return BAD_PROTOCOL
    found = _credentials(offered)
    if found is None:
        return BAD_PROTOCOL
    protocols, tokens, marker = found
    return Handshake(
        key[0],
        protocols,
        _values(fields, b"sec-websocket-extensions"),
        tokens,
        marker,
        _values(fields, b"origin"),
        _values(fields, b"cookie"),
    )


def read_switch(head: bytes, handshake: Handshake) -> bytes | None:
    """Return the header lines that tell the client of the switch, or None if `head` is no good answer to `handshake`.

    RFC 6455 sections 4.1 and 4.2.2. Where a token was announced and the service chose no subprotocol, the announcing
    word is chosen, since browsers insist on a choice among what they offered; a token never is.
    """
    cut = response_head(head)
    if cut is None:
        return None
    version, status, fields, _ = cut
    accept = b64encode(sha1(handshake.key + _ACCEPT).digest())  # noqa: S324  # no secret: RFC 6455 names it
    chosen = _values(fields, b"sec-websocket-protocol")
    extensions = _values(fields, b"sec-websocket-extensions")
    good = (
        (version, status) == (b"1.1", _SWITCHING)
        and [value.lower() for value in _values(fields, b"upgrade")] == [b"websocket"]
        and b"upgrade" in connection_options(_values(fields, b"connection"))
        and _values(fields, b"sec-websocket-accept") == (accept,)
        and (not chosen or (len(chosen) == 1 and chosen[0] in handshake.protocols))
        and _names(extensions) <= _names(handshake.extensions)
        and all(printable(value) for value in extensions)
        and not _values(fields, b"content-length")
        and not _values(fields, b"transfer-encoding")
    )
    if not good:
        return None
    lines = [b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ", accept, b"\r\n"]
    if chosen or handshake.marker:
        lines += (b"Sec-WebSocket-Protocol: ", chosen[0] if chosen else handshake.marker, b"\r\n")
    lines.extend(b"Sec-WebSocket-Extensions: %b\r\n" % value for value in extensions)
    return b"".join(lines)


def _credentials(offered: list[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...], bytes] | None:
    """Part the subprotocols `offered` from the tokens among them; None if one is announced and not there."""
    protocols: list[bytes] = []
    tokens: list[bytes] = []
    marker = b""
    names = iter(offered)
    for name in names:
        if name.lower() == _MARKER:
            token = next(names, None)
            if token is None:
                return None
            tokens.append(token)
            marker = name
        elif name.startswith(_ENCODED):
            try:
                tokens.append(decode(name[len(_ENCODED) :]))
            except ValueError:
                return None
        else:
            protocols.append(name)
    if any(b"\r" in token or b"\n" in token or not token for token in tokens):
        return None
    return tuple(protocols), tuple(tokens), marker


def _values(fields: Fields, wanted: bytes) -> tuple[bytes, ...]:
    return tuple(value.rstrip(_OWS) for name, value, _ in fields if name.lower() == wanted)


def _elements(values: tuple[bytes, ...]) -> list[bytes]:
    return [element.strip(_OWS) for value in values for element in value.split(b",")]


def _names(extensions: tuple[bytes, ...]) -> set[bytes]:
    return {element.partition(b";")[0].strip(_OWS) for element in _elements(extensions)}
