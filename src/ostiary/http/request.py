"""A request made canonical, once, at the door (law 2).

What the rules are matched against and what goes upstream are fields of the same frozen value, read from the wire in one
place. A request that can be read in two ways has no such value, but a refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import BAD_REQUEST
from ostiary.http.framing import CHUNKED, BadFraming, Framing, Head, request_framing
from ostiary.http.headers import Kind
from ostiary.http.target import BadTarget, Target, canonical

if TYPE_CHECKING:
    from ostiary.http.headers import HeaderPolicy
    from ostiary.http.peer import Caller, Peer

_PASS: Final = Kind.PASS
_COOKIE: Final = Kind.COOKIE
_HOST: Final = Kind.HOST
_AUTHORIZATION: Final = Kind.AUTHORIZATION
_STRIP: Final = Kind.STRIP
_HOP: Final = Kind.HOP
_LASTING: Final = frozenset({b"keep-alive", b"close", b"upgrade", b"te"})
"""Connection options that name no field that would be passed on."""


class Request(msgspec.Struct, frozen=True, gc=False):
    """A canonical request. Raw values are bytes as they go upstream; text is ASCII.

    `passed` are the header lines that go upstream as they came, each ended by CRLF. `authorization` are the raw values
    of every Authorization field. `is_1_1`: the caller speaks HTTP/1.1, not 1.0.
    """

    method: str
    is_1_1: bool
    target: Target
    framing: Framing
    passed: bytes
    authorization: tuple[bytes, ...]
    caller: Caller

    @property
    def host(self) -> str:
        """The canonical host name that rules are matched against."""
        return self.framing.host.name

    @property
    def path(self) -> str:
        """The canonical path that rules are matched against."""
        return self.target.path

    @property
    def client(self) -> str:
        """The caller's canonical address."""
        return self.caller.address

    def head(self, identity_fields: bytes, *, keeps_authorization: bool) -> bytes:
        """Render the request line and every header line that goes upstream, with the empty line that ends them."""
        framing, caller = self.framing, self.caller
        lines = [
            self.method.encode("ascii"), b" ", self.target.raw, b" HTTP/1.1\r\nHost: ", framing.host.raw, b"\r\n",
            self.passed, caller.fields, identity_fields,
        ]  # fmt: skip
        if framing.body:
            chunked = framing.body == CHUNKED
            lines.append(
                b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: %d\r\n" % framing.body
            )
        elif self.method in _WITH_CONTENT:
            lines.append(b"Content-Length: 0\r\n")
        if keeps_authorization:
            lines.extend(b"Authorization: %b\r\n" % value for value in self.authorization)
        lines.append(b"\r\n")
        return b"".join(lines)


_WITH_CONTENT: Final = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose request says its length even if that is nothing (RFC 9110 section 8.6)."""


def canonical_request(
    method: bytes, target: bytes, version: str, pairs: list[tuple[bytes, bytes]], peer: Peer, policy: HeaderPolicy
) -> Request | Refusal:
    """Make one frozen value of a request's head as the parser gave it: raw names and values in `pairs`, in order."""
    kind_of = policy.kind
    passed: list[bytes] = []
    authorization: tuple[bytes, ...] = ()
    hosts: tuple[bytes, ...] = ()
    rare: list[tuple[Kind, bytes]] = []
    for name, value in pairs:
        kind = kind_of(name)
        if kind is _PASS or kind is _COOKIE:
            passed.append(b"%b: %b\r\n" % (name, value))
        elif kind is _HOST:
            hosts += (value,)
        elif kind is _AUTHORIZATION:
            authorization += (value,)
        elif kind is not _STRIP and kind is not _HOP:
            rare.append((kind, value))
    head = Head(method, target, version, hosts)
    if rare:
        head.lengths = _values(rare, Kind.CONTENT_LENGTH)
        head.codings = _values(rare, Kind.TRANSFER_ENCODING)
        head.connection = _values(rare, Kind.CONNECTION)
        head.expect = _values(rare, Kind.EXPECT)
        head.upgrade = _values(rare, Kind.UPGRADE)
    framing = request_framing(head)
    if isinstance(framing, BadFraming):
        return Refusal(BAD_REQUEST, f"Malformed {framing.reason}.")
    canonical_target = canonical(framing.target)
    if isinstance(canonical_target, BadTarget):
        return Refusal(BAD_REQUEST, f"Malformed {canonical_target.reason}.")
    if not framing.options <= _LASTING:
        passed = _without(framing.options, pairs, policy)
    return Request(
        method.decode("ascii"),
        version == "1.1",
        canonical_target,
        framing,
        b"".join(passed),
        authorization,
        peer.caller(rare, framing.host),
    )


def _values(fields: list[tuple[Kind, bytes]], kind: Kind) -> tuple[bytes, ...]:
    return tuple(value for of, value in fields if of is kind)


def _without(options: frozenset[bytes], pairs: list[tuple[bytes, bytes]], policy: HeaderPolicy) -> list[bytes]:
    """Render the fields to pass on without those that were meant for this connection only (RFC 9110 section 7.6.1)."""
    return [
        b"%b: %b\r\n" % (name, value)
        for name, value in pairs
        if policy.kind(name) in {Kind.PASS, Kind.COOKIE} and name.lower() not in options
    ]
