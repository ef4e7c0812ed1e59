"""From octets to the head of a response, and what the client gets of it."""

from __future__ import annotations

import pytest

from ostiary.config.model import IdentityHeaders
from ostiary.http.framing import CHUNKED, UNTIL_CLOSE, BadFraming
from ostiary.http.headers import HeaderPolicy
from ostiary.http.response import ResponseHead, read_response

POLICY = HeaderPolicy(IdentityHeaders())


def outcome(*lines: bytes, method: str = "GET") -> ResponseHead | BadFraming | None:
    """Return what is made of a head of these lines, with something behind it."""
    read = read_response(b"\r\n".join((*lines, b"", b"behind")), method, POLICY)
    if read is None:
        return None
    assert read[1] == b"behind"
    return read[0]


def response(*lines: bytes, method: str = "GET") -> ResponseHead:
    """Return the head of these lines, which must be in order."""
    found = outcome(*lines, method=method)
    assert isinstance(found, ResponseHead), found
    return found


@pytest.mark.parametrize(
    "lines,method,body,announced,keep_alive",
    [
        ([b"HTTP/1.1 200 OK", b"Content-Length: 5"], "GET", 5, b"5", True),
        ([b"HTTP/1.1 200 OK", b"Content-Length: 5"], "HEAD", 0, b"5", True),
        ([b"HTTP/1.1 304 Not Modified", b"Content-Length: 5"], "GET", 0, b"5", True),
        ([b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked"], "GET", CHUNKED, b"", True),
        ([b"HTTP/1.1 200 OK"], "GET", UNTIL_CLOSE, b"", False),
        ([b"HTTP/1.1 204 No Content"], "GET", 0, b"", True),
        ([b"HTTP/1.1 200 OK", b"Content-Length: 5", b"Connection: close"], "GET", 5, b"5", False),
        ([b"HTTP/1.0 200 OK", b"Content-Length: 5"], "GET", 5, b"5", False),
        ([b"HTTP/1.0 200 OK", b"Content-Length: 5", b"Connection: Keep-Alive"], "GET", 5, b"5", True),
    ],
)
def test_framing(lines: list[bytes], method: str, body: int, announced: bytes, *, keep_alive: bool) -> None:
    found = response(*lines, method=method)
    assert (found.body, found.keep_alive) == (body, keep_alive)
    assert found.lines.partition(b"Content-Length: ")[2].removesuffix(b"\r\n") == announced


def test_what_the_client_gets() -> None:
    found = response(
        b"HTTP/1.1 200 OK", b"Content-Length: 0", b"Set-Cookie: a=b", b"Set-Cookie: c=d", b"X-User-Id: leaked",
        b"Connection: X-Mine", b"X-Mine: 1", b"Keep-Alive: timeout=5", b"X-Request-Id: other", b"Server: s",
    )  # fmt: skip
    assert found.lines == (
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nServer: s\r\nContent-Length: 0\r\n"
    )


@pytest.mark.parametrize(
    "lines",
    [
        [b"HTTP/1.1 200 OK", b"Content-Length: 5", b"Content-Length: 5"],
        [b"HTTP/1.1 200 OK", b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"HTTP/1.1 200 OK", b"Transfer-Encoding: gzip, chunked"],
        [b"HTTP/1.0 200 OK", b"Transfer-Encoding: chunked"],
        [b"HTTP/1.1 204 No Content", b"Content-Length: 5"],
        [b"HTTP/1.1 200 OK", b"Content-Length: 5\nX: y"],
        [b"HTTP/1.1 200 OK", b"Content-Length: 5", b"X: y\nSet-Cookie: forged"],
        [b"HTTP/1.1 200 OK", b"Content-Length: 5", b"X: \x00"],
    ],
)
def test_refused(lines: list[bytes]) -> None:
    assert isinstance(outcome(*lines), BadFraming)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\n\n", b"hello\r\n\r\n"])
def test_no_complete_head(data: bytes) -> None:
    assert read_response(data, "GET", POLICY) is None


def test_no_content_has_no_length() -> None:
    assert response(b"HTTP/1.1 204 No Content", b"Content-Length: 0").lines == b"HTTP/1.1 204 No Content\r\n"


@pytest.mark.parametrize(
    "line",
    [
        b"X-A: b\nTransfer-Encoding: chunked",
        b"Host: b\nTransfer-Encoding: chunked",
        b"X_User_Id: \x00",
        b"Keep-Alive: timeout=5\x1b",
        b"Connection: close\nContent-Length: 1",
        b"Connection: X-A\r\nX-A: b\nContent-Length: 1",
    ],
)
def test_control_characters_are_refused_in_what_goes_no_further_too(line: bytes) -> None:
    """To a parser that ends lines at LF, each of these says something else about where the body ends."""
    assert outcome(b"HTTP/1.1 200 OK", line) == BadFraming("control character")
