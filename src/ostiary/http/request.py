"""A request made canonical, once, at the door (law 2).

What the rules are matched against and what goes upstream are fields of the same frozen value, read from the wire in one
place. A request that can be read in two ways has no such value, but a refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import BAD_REQUEST, HEADERS_TOO_LARGE, TARGET_TOO_LONG
from ostiary.http.framing import (
    CHUNKED,
    COMMON_METHODS,
    BadFraming,
    Framing,
    Head,
    origin_form,
    plain_framing,
    request_framing,
)
from ostiary.http.head import Fields, printable, request_head
from ostiary.http.headers import Kind, without
from ostiary.http.target import BadTarget, Target, canonical
from ostiary.http.websocket import Handshake, read_handshake

if TYPE_CHECKING:
    from ostiary.config.model import Bounds
    from ostiary.http.headers import HeaderPolicy
    from ostiary.http.peer import Caller, Peer
    from ostiary.http.websocket import BadHandshake

_PASS: Final = Kind.PASS
_HOST: Final = Kind.HOST
_AUTHORIZATION: Final = Kind.AUTHORIZATION
MALFORMED: Final = Refusal(BAD_REQUEST, "Malformed message.")
"""What is said of a head that is none."""
_TOO_MANY_FIELDS: Final = Refusal(HEADERS_TOO_LARGE)
_BAD_OCTETS: Final = Refusal(BAD_REQUEST, "Malformed control character.")
_TARGET_TOO_LONG: Final = Refusal(TARGET_TOO_LONG)
_LASTING: Final = frozenset({b"keep-alive", b"close", b"upgrade", b"te"})
"""Connection options that name no field that would be passed on."""


class Request(msgspec.Struct, frozen=True, gc=False):
    """A canonical request. Raw values are bytes as they go upstream; text is ASCII.

    `passed` are the header lines that go upstream as they came, each ended by CRLF. `authorization` are the raw values
    of every Authorization field, and what would be those of the tokens in a WebSocket `handshake`. `is_1_1`: the caller
    speaks HTTP/1.1, not 1.0.
    """

    method: str
    host: str
    """The canonical host name that rules are matched against."""
    path: str
    """The canonical path that rules are matched against."""
    client: str
    """The caller's canonical address."""
    authorization: tuple[bytes, ...]
    is_1_1: bool
    target: Target
    framing: Framing
    passed: bytes
    caller: Caller
    handshake: Handshake | BadHandshake | None = None
    """The wish for a WebSocket, if there is one."""

    def head(self, identity_fields: bytes, *, keeps_authorization: bool) -> bytes:
        """Render the request line and every header line that goes upstream, with the empty line that ends them."""
        framing, caller = self.framing, self.caller
        lines = [
            self.method.encode("ascii"), b" ", self.target.raw, b" HTTP/1.1\r\nHost: ", framing.host.raw, b"\r\n",
            self.passed, caller.fields, identity_fields,
        ]  # fmt: skip
        if framing.body:
            chunked = framing.body == CHUNKED
            lines.append(b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: %d\r\n" % framing.body)
        elif self.method in _WITH_CONTENT:
            lines.append(b"Content-Length: 0\r\n")
        if keeps_authorization:
            lines.extend(b"Authorization: %b\r\n" % value for value in self.authorization)
        lines.append(b"\r\n")
        return b"".join(lines)

    def switching_head(self, wish: Handshake, identity_fields: bytes, *, keeps_authorization: bool) -> bytes:
        """The same as `head`, with the `wish` for a WebSocket."""
        return self.head(identity_fields, keeps_authorization=keeps_authorization)[:-2] + wish.fields + b"\r\n"


_WITH_CONTENT: Final = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose request says its length even if that is nothing (RFC 9110 section 8.6)."""


def read_request(
    data: bytes, peer: Peer, policy: HeaderPolicy, bounds: Bounds
) -> tuple[Request | Refusal, bytes] | None:
    """Make one frozen value of the head that `data` begins with, and return what follows it.

    None if there is no well-formed and complete head. A refusal is about a head that is both; nothing behind it can be
    read.
    """
    cut = request_head(data)
    if cut is None:
        return None
    method, target, version, fields, rest = cut
    if len(fields) > bounds.header_count:
        return _TOO_MANY_FIELDS, rest
    if len(target) > bounds.target_bytes:
        return _TARGET_TOO_LONG, rest
    return _canonical(method, target, version, _sort(fields, policy), peer, policy), rest


class _Sorted(msgspec.Struct, gc=False):
    """The fields of a head by what becomes of them. `passed` has four pieces for each line that goes upstream."""

    fields: Fields
    passed: list[bytes]
    authorization: tuple[bytes, ...]
    hosts: tuple[bytes, ...]
    rare: list[tuple[Kind, bytes]]

    def printable(self) -> bool:
        """Tell whether no value has a control character; a token's own are refused with the token, but for the LF."""
        return (
            printable(b"".join(self.passed[2::4]))
            and all(printable(value) for _, value in self.rare)
            and not any(b"\n" in value for value in self.authorization)
        )


def _sort(fields: Fields, policy: HeaderPolicy) -> _Sorted:
    kind_of = policy.kind
    passed: list[bytes] = []
    authorization: tuple[bytes, ...] = ()
    hosts: tuple[bytes, ...] = ()
    rare: list[tuple[Kind, bytes]] = []
    for name, value, _ in fields:
        kind = kind_of(name)
        if kind is _PASS:
            passed += (name, b": ", value, b"\r\n")
        elif kind is _HOST:
            hosts += (value,)
        elif kind is _AUTHORIZATION:
            authorization += (value.rstrip(b" \t"),)
        else:
            rare.append((kind, value))
    return _Sorted(fields, passed, authorization, hosts, rare)


def _canonical(
    method: bytes, target: bytes, version: bytes, found: _Sorted, peer: Peer, policy: HeaderPolicy
) -> Request | Refusal:
    if not found.printable():
        return _BAD_OCTETS
    framing = _framing(method, version, found)
    if isinstance(framing, BadFraming):
        return _malformed(framing)
    local = target if target[:1] == b"/" else origin_form(target, framing.host)
    canonical_target = local if isinstance(local, BadFraming) else canonical(local)
    if not isinstance(canonical_target, Target):
        return _malformed(canonical_target)
    passed = found.passed
    if found.rare and not framing.options <= _LASTING:
        passed = without(framing.options, found.fields, policy.kind)
    caller = peer.caller(found.rare, framing.host)
    authorization, handshake = found.authorization, None
    if framing.upgrade == b"websocket":
        handshake = read_handshake(method, found.fields)
        if isinstance(handshake, Handshake):
            authorization += tuple(b"Bearer " + token for token in handshake.tokens)
    return Request(
        str(method, "ascii"),
        framing.host.name,
        canonical_target.path,
        caller.address,
        authorization,
        version == b"1.1",
        canonical_target,
        framing,
        b"".join(passed),
        caller,
        handshake,
    )


def _framing(method: bytes, version: bytes, found: _Sorted) -> Framing | BadFraming:
    rare, hosts = found.rare, found.hosts
    if not rare and version == b"1.1" and len(hosts) == 1 and method in COMMON_METHODS:
        return plain_framing(hosts[0])
    return request_framing(
        Head(
            method,
            str(version, "ascii"),
            hosts,
            lengths=_values(rare, Kind.CONTENT_LENGTH),
            codings=_values(rare, Kind.TRANSFER_ENCODING),
            connection=_values(rare, Kind.CONNECTION),
            expect=_values(rare, Kind.EXPECT),
            upgrade=_values(rare, Kind.UPGRADE),
        )
    )


def _malformed(bad: BadFraming | BadTarget) -> Refusal:
    return Refusal(BAD_REQUEST, f"Malformed {bad.reason}.")


def _values(fields: list[tuple[Kind, bytes]], kind: Kind) -> tuple[bytes, ...]:
    return tuple(value for of, value in fields if of is kind)
