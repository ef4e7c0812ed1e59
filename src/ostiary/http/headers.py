"""What the gateway does with a header field, by its name.

Servers behind the gateway may fold names (CGI, WSGI and their kin turn every character but letters and digits into
``_``), so names are compared that way: a field whose name *folds* to one that the gateway owns, without being that
name, is a look-alike and is dropped (law 4).
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from ostiary.http.request_id import id_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ostiary.config.model import IdentityHeaders
    from ostiary.http.head import Fields


class Kind(IntEnum):
    """What becomes of a field. It is asked for each field."""

    PASS = 0
    """Goes upstream as it came."""
    STRIP = 1
    """Never accepted from a caller: identity headers, look-alikes, and what overrides what the rules decide on."""
    HOP = 2
    """Belongs to one connection only (RFC 9110 section 7.6.1), and needs no reading."""
    HOST = 3
    AUTHORIZATION = 4
    CONTENT_LENGTH = 5
    TRANSFER_ENCODING = 6
    CONNECTION = 7
    EXPECT = 8
    UPGRADE = 9
    FORWARDED = 10
    """RFC 7239."""
    FORWARDED_FOR = 11
    FORWARDED_PROTO = 12
    REAL_IP = 13
    REQUEST_ID = 14
    CORRELATION_ID = 15
    WEBSOCKET = 16
    """Of a WebSocket handshake, which the gateway judges; without one it means nothing, and may hold a token."""


_KINDS: Final[dict[bytes, Kind]] = {
    b"host": Kind.HOST,
    b"authorization": Kind.AUTHORIZATION,
    b"content-length": Kind.CONTENT_LENGTH,
    b"transfer-encoding": Kind.TRANSFER_ENCODING,
    b"connection": Kind.CONNECTION,
    b"expect": Kind.EXPECT,
    b"upgrade": Kind.UPGRADE,
    b"forwarded": Kind.FORWARDED,
    b"x-forwarded-for": Kind.FORWARDED_FOR,
    b"x-forwarded-proto": Kind.FORWARDED_PROTO,
    b"x-real-ip": Kind.REAL_IP,
    b"x-request-id": Kind.REQUEST_ID,
    b"x-correlation-id": Kind.CORRELATION_ID,
    b"keep-alive": Kind.HOP,
    b"proxy-connection": Kind.HOP,
    b"proxy-authorization": Kind.HOP,
    b"proxy-authenticate": Kind.HOP,
    b"te": Kind.HOP,
    b"trailer": Kind.HOP,
    b"http2-settings": Kind.HOP,
    b"sec-websocket-key": Kind.WEBSOCKET,
    b"sec-websocket-version": Kind.WEBSOCKET,
    b"sec-websocket-protocol": Kind.WEBSOCKET,
    b"sec-websocket-extensions": Kind.WEBSOCKET,
    b"sec-websocket-accept": Kind.WEBSOCKET,
    # Frameworks take these for the method, the path or the host, which the rules have already judged.
    b"x-http-method-override": Kind.STRIP,
    b"x-http-method": Kind.STRIP,
    b"x-method-override": Kind.STRIP,
    b"x-rewrite-url": Kind.STRIP,
    b"x-host": Kind.STRIP,
    b"x-http-host-override": Kind.STRIP,
    # Other spellings of the caller's address.
    b"client-ip": Kind.STRIP,
    b"true-client-ip": Kind.STRIP,
    b"x-client-ip": Kind.STRIP,
    b"x-cluster-client-ip": Kind.STRIP,
    b"x-originating-ip": Kind.STRIP,
    b"cf-connecting-ip": Kind.STRIP,
    b"fastly-client-ip": Kind.STRIP,
    b"x-forwarded": Kind.STRIP,
    b"x-forward-for": Kind.STRIP,
    b"forwarded-for": Kind.STRIP,
    # A credential that services check themselves: no proxy vouches for it, unlike the rest of its family.
    b"x-auth-token": Kind.PASS,
    # Identities that other gateways vouch for.
    b"x-user": Kind.STRIP,
    b"x-user-role": Kind.STRIP,
    b"x-user-name": Kind.STRIP,
    b"x-role": Kind.STRIP,
    b"x-roles": Kind.STRIP,
    b"x-scope": Kind.STRIP,
    b"x-scopes": Kind.STRIP,
    # CGI programs read it as the HTTP_PROXY variable.
    b"proxy": Kind.STRIP,
}
"""By folded name; only the name itself, in any case, has a kind other than `Kind.STRIP`."""

_STRIPPED_PREFIXES: Final = (
    b"x-forwarded-", b"x-authenticated-", b"x-auth-request-", b"x-consumer-", b"x-ssl-client-", b"ssl-client-",
    b"x-client-cert", b"client-cert", b"x-tls-client-", b"x-amzn-oidc-", b"x-amzn-mtls-", b"x-goog-authenticated-user-",
    b"x-goog-iap-", b"cf-access-authenticated-user-", b"x-ms-client-principal", b"x-ms-token-", b"tailscale-user-",
    b"remote-", b"x-remote-", b"x-webauth-", b"x-authentik-", b"x-pomerium-", b"x-vouch-", b"x-credential-",
    b"x-userinfo", b"impersonate-", b"wl-proxy-", b"proxy-client-",
)  # fmt: skip
"""Families of names by which proxies tell services who is calling, and for what. Other members are as good as known."""
_ASKED_PREFIXES: Final = (
    b"x-auth-", b"x-envoy-", b"x-accel-", b"x-sendfile-", b"x-arr-", b"x-waws-", b"x-original-",
    b"x-middleware-subrequest", b"x-scheme",
)  # fmt: skip
"""The same, of requests only. In answers some of them are for a proxy in front of the gateway: without
X-Accel-Buffering, nginx would hold a stream of events back."""

_IDS: Final = frozenset({"x-request-id", "x-correlation-id"})
_FOLD: Final = bytes(c if chr(c).isalnum() and c < 128 else ord("-") for c in range(256))
_MEMO_ENTRIES: Final = 1024
_MEMO_NAME_BYTES: Final = 64


def fold(name: bytes) -> bytes:
    """Return the spelling under which `name` is compared: lower case, every other character a hyphen."""
    return name.lower().translate(_FOLD)


class HeaderPolicy:
    """The kind of every header field, given the names that this gateway vouches for.

    The default names of the identity headers are stripped even where others are configured, so that a service that
    still reads them is not fooled. For requests and responses: an upstream does not name identities to callers either.
    Only what a proxy in front may have to read is left in responses.
    `own` are further fields that nobody but the gateway sends.
    """

    def __init__(self, identity: IdentityHeaders, own: Iterable[str] = ()) -> None:
        names: set[str] = {*identity.also_strip, *own}
        for headers in (identity, type(identity)()):
            values = (getattr(headers, field) for field in type(headers).model_fields if field != "also_strip")
            # Ids have kinds of their own: those of trusted proxies are read.
            names.update(value for value in values if value is not None and value.lower() not in _IDS)
        self.ids = id_fields(identity.request_id, identity.correlation_id)
        """The template of the lines that tell the ids of a request."""
        self._stripped = frozenset(fold(name.encode("ascii")) for name in names)
        self.kind: Callable[[bytes], Kind] = _Memo(self._classify_asked).__getitem__
        """Return the kind of a request's field named so, as the peer spelt it: one dictionary look-up if known."""
        self.answer_kind: Callable[[bytes], Kind] = _Memo(self._classify).__getitem__
        """The same of a response's."""

    def _classify_asked(self, name: bytes) -> Kind:
        kind = self._classify(name)
        if kind is Kind.PASS:
            folded = fold(name)
            if folded not in _KINDS and folded.startswith(_ASKED_PREFIXES):
                return Kind.STRIP
        return kind

    def _classify(self, name: bytes) -> Kind:
        folded = fold(name)
        if folded in self._stripped:
            return Kind.STRIP
        kind = _KINDS.get(folded)
        if kind is None:
            return Kind.STRIP if folded.startswith(_STRIPPED_PREFIXES) else Kind.PASS
        return kind if name.lower() == folded else Kind.STRIP


def without(options: frozenset[bytes], fields: Fields, kind_of: Callable[[bytes], Kind]) -> list[bytes]:
    """Render the fields to pass on without those that were meant for one connection only (RFC 9110 section 7.6.1).

    Four pieces for each line: name, colon, value, line end.
    """
    passed: list[bytes] = []
    for name, value, _ in fields:
        if kind_of(name) is Kind.PASS and name.lower() not in options:
            passed += (name, b": ", value, b"\r\n")
    return passed


class _Memo(dict[bytes, Kind]):
    """Spellings already classified. Bounded, since peers choose the spellings: emptied when full."""

    def __init__(self, classify: Callable[[bytes], Kind]) -> None:
        super().__init__()
        self._classify = classify

    def __missing__(self, name: bytes) -> Kind:
        kind = self._classify(name)
        if len(name) <= _MEMO_NAME_BYTES:
            if len(self) >= _MEMO_ENTRIES:
                self.clear()
            self[name] = kind
        return kind
