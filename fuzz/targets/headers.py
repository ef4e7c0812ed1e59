"""The fields of a request: what goes upstream is whole, and nothing in it speaks for the gateway."""

from __future__ import annotations

from typing import Final

from ostiary.config.model import Bounds, IdentityHeaders
from ostiary.http.forwarded import Trusted
from ostiary.http.headers import HeaderPolicy, Kind
from ostiary.http.peer import Peer
from ostiary.http.request import Request, read_request

_IDENTITY: Final = IdentityHeaders(user_id="X-Caller")
_POLICY: Final = HeaderPolicy(_IDENTITY)
_BOUNDS: Final = Bounds()
_PEER: Final = Peer("198.51.100.1", b"http", Trusted(()), "x-forwarded")
_OWN: Final = {
    "HTTP_X_CALLER", "HTTP_X_USER_ID", "HTTP_X_USER_EMAIL", "HTTP_X_USER_ROLES", "HTTP_X_TENANT_ID", "HTTP_X_ORG_ID",
    "HTTP_X_TENANT_PLAN", "HTTP_X_TOKEN_ISSUER", "HTTP_X_TOKEN_SCOPES", "HTTP_X_TOKEN_EXPIRES", "HTTP_AUTHORIZATION",
    "HTTP_HOST", "HTTP_CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING", "HTTP_CONNECTION", "HTTP_UPGRADE", "HTTP_TE",
    "HTTP_TRAILER", "HTTP_KEEP_ALIVE", "HTTP_EXPECT", "HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP",
    "HTTP_X_FORWARDED_HOST", "HTTP_X_REQUEST_ID", "HTTP_X_CORRELATION_ID", "HTTP_PROXY", "HTTP_SEC_WEBSOCKET_PROTOCOL",
}  # fmt: skip
"""As a CGI program would see them."""


def check(data: bytes) -> None:
    """Read `data` as the field lines behind a sound beginning."""
    read = read_request(b"GET / HTTP/1.1\r\nHost: h\r\n" + data + b"\r\n", _PEER, _POLICY, _BOUNDS)
    request = None if read is None else read[0]
    if not isinstance(request, Request):
        return
    lines = request.passed.split(b"\r\n")
    assert lines.pop() == b""
    sent = {line.partition(b":")[0] for line in data.split(b"\r\n")}
    for line in lines:
        name, colon, value = line.partition(b": ")
        assert colon
        assert name in sent
        assert _POLICY.kind(name) is Kind.PASS
        assert name.lower() not in request.framing.options
        assert not any((octet < 0x20 and octet != 0x09) or octet == 0x7F for octet in value)
        assert cgi(name) not in _OWN, name
    assert request.client == _PEER.address
    assert b"\r\n" not in b"".join(request.authorization)


def cgi(name: bytes) -> str:
    """Return the variable that a CGI program finds the field in (RFC 3875 section 4.1.18), at its laxest."""
    return "HTTP_" + "".join(c if c.isalnum() else "_" for c in name.decode("latin-1")).upper()
