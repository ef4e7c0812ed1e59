"""From octets to a canonical request, and what the upstream gets of it."""

from __future__ import annotations

import pytest

from ostiary.config.model import Bounds, IdentityHeaders
from ostiary.decision.outcome import Refusal
from ostiary.http.forwarded import Trusted
from ostiary.http.headers import HeaderPolicy
from ostiary.http.peer import Peer
from ostiary.http.request import Request, read_request

POLICY = HeaderPolicy(IdentityHeaders())
PEER = Peer("198.51.100.7", b"http", Trusted(()), "x-forwarded")


def outcome(*lines: bytes, bounds: Bounds = Bounds()) -> Request | Refusal | None:  # noqa: B008 - frozen
    """Return what is made of a head of these lines, a Host added, with something behind it."""
    read = read_request(b"\r\n".join((lines[0], b"Host: h", *lines[1:], b"", b"behind")), PEER, POLICY, bounds)
    if read is None:
        return None
    assert read[1] == b"behind"
    return read[0]


def request(*lines: bytes) -> Request:
    """Return the request of these lines, which must be in order."""
    found = outcome(*lines)
    assert isinstance(found, Request), found
    return found


def forwarded(found: Request, *, keeps_authorization: bool = False) -> list[bytes]:
    """Return the lines that the upstream gets, without those about the caller and the request's id."""
    head = found.head(b"X-User-Id: them\r\n", keeps_authorization=keeps_authorization)
    assert head.endswith(b"\r\n\r\n")
    about = (b"X-Forwarded-", b"X-Request-Id", b"X-Correlation-Id")
    return [line for line in head.split(b"\r\n")[:-2] if not line.startswith(about)]


def test_what_was_matched_is_what_is_forwarded() -> None:
    found = request(b"GET /a/../b%41//c?q=%zz HTTP/1.1", b"Accept: */*", b"Cookie: a=b", b"Accept: x")
    assert (found.method, found.host, found.path, found.client) == ("GET", "h", "/bA/c", "198.51.100.7")
    assert forwarded(found) == [
        b"GET /bA/c?q=%zz HTTP/1.1", b"Host: h", b"Accept: */*", b"Cookie: a=b", b"Accept: x", b"X-User-Id: them",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [b"X-User-Id: admin", b"x_user.id: admin", b"X-Forwarded-For: 6.6.6.6", b"Forwarded: for=6.6.6.6",
     b"X-Real-IP: 6.6.6.6",
     b"X-Original-URL: /admin", b"Content_Length: 5", b"TE: trailers", b"Keep-Alive: timeout=5", b"Upgrade: h2c",
     b"Proxy-Authorization: Basic eA==", b"Connection: keep-alive", b"Expect: 100-continue"],
)  # fmt: skip
def test_what_the_upstream_never_gets(line: bytes) -> None:
    found = request(b"GET / HTTP/1.1", line)
    assert forwarded(found) == [b"GET / HTTP/1.1", b"Host: h", b"X-User-Id: them"]
    assert b"6.6.6.6" not in found.caller.fields


def test_fields_of_this_connection_only() -> None:
    """What the caller calls its own is dropped; what the gateway says stays, whatever the caller calls it."""
    found = request(b"GET / HTTP/1.1", b"Connection: X-Mine, X-User-Id, close", b"x-mine: 1", b"X-Other: 2")
    assert forwarded(found) == [b"GET / HTTP/1.1", b"Host: h", b"X-Other: 2", b"X-User-Id: them"]
    assert not found.framing.keep_alive


@pytest.mark.parametrize(
    "lines,announced",
    [
        ([b"POST / HTTP/1.1", b"Content-Length: 5"], [b"Content-Length: 5"]),
        ([b"POST / HTTP/1.1", b"Transfer-Encoding: Chunked"], [b"Transfer-Encoding: chunked"]),
        ([b"POST / HTTP/1.1"], [b"Content-Length: 0"]),
        ([b"GET / HTTP/1.1", b"Content-Length: 5"], [b"Content-Length: 5"]),
        ([b"GET / HTTP/1.1"], []),
    ],
)
def test_the_body_is_announced_once(lines: list[bytes], announced: list[bytes]) -> None:
    about = (b"content-length", b"transfer-encoding")
    assert [line for line in forwarded(request(*lines)) if line.lower().startswith(about)] == announced


def test_authorization_is_kept_apart() -> None:
    found = request(b"GET / HTTP/1.1", b"Authorization:  Bearer x ", b"authorization: y")
    assert found.authorization == (b"Bearer x", b"y")
    assert b"Authorization: Bearer x" not in forwarded(found)
    assert b"Authorization: Bearer x" in forwarded(found, keeps_authorization=True)


@pytest.mark.parametrize(
    "lines",
    [
        [b"GET / HTTP/2.0"],
        [b"GET * HTTP/1.1"],
        [b"GET /%2f HTTP/1.1"],
        [b"GET / HTTP/1.1", b"Host: h"],
        [b"GET / HTTP/1.1", b"Content-Length: 5", b"Content-Length: 5"],
        [b"GET / HTTP/1.1", b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        *([b"GET / HTTP/1.1", name + b": a" + octet + b"b"]
          for name in (b"Accept", b"Authorization", b"X-User-Id", b"X-Forwarded-For")
          for octet in (b"\n", b"\nX-User-Id: admin")),
        *([b"GET / HTTP/1.1", name + b": a" + octet] for name in (b"Accept", b"Expect") for octet in (b"\x00",
     b"\x7f")),
    ],
)  # fmt: skip
def test_refused(lines: list[bytes]) -> None:
    found = outcome(*lines)
    assert isinstance(found, Refusal)
    assert found.reason.status == 400
    assert b"\x00" not in found.detail.encode()


@pytest.mark.parametrize(
    "bounds,lines,status",
    [
        (Bounds(header_count=2), [b"GET / HTTP/1.1", b"A: b", b"C: d"], 431),
        (Bounds(target_bytes=64), [b"GET /" + b"2" * 64 + b" HTTP/1.1"], 414),
    ],
)
def test_bounds(bounds: Bounds, lines: list[bytes], status: int) -> None:
    found = outcome(*lines, bounds=bounds)
    assert isinstance(found, Refusal)
    assert found.reason.status == status
    assert isinstance(outcome(*lines), Request)


@pytest.mark.parametrize(
    "data", [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: h\r\n", b"GET / HTTP/1.1\n\n", b"\r\n\r\n"]
)
def test_no_complete_head(data: bytes) -> None:
    assert read_request(data, PEER, POLICY, Bounds()) is None
