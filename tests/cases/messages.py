"""Messages that no strict reader takes, and how they are written down."""

from __future__ import annotations

import random
from typing import Final


def get(*lines: bytes, start: bytes = b"GET / HTTP/1.1") -> bytes:
    """Return a request without a body, with Host and `lines`."""
    return b"\r\n".join((start, b"Host: h", *lines, b"", b""))


def post(*lines: bytes, body: bytes = b"") -> bytes:
    """Return a request of these lines, which frame `body`."""
    return get(*lines, start=b"POST / HTTP/1.1") + body


def chunked(body: bytes, start: bytes = b"POST / HTTP/1.1") -> bytes:
    """Return a request with `body` as its chunks."""
    return get(b"Transfer-Encoding: chunked", start=start) + body


SMUGGLED: Final = get(start=b"GET /admin HTTP/1.1")

REFUSED: Final[dict[str, list[bytes]]] = {
    "F1 both framings": [
        post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
        post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n" + SMUGGLED),
        post(b"content-length: 0", b"transfer-encoding: chunked", body=b"0\r\n\r\n"),
    ],
    "F2 lengths": [
        *(post(b"Content-Length: " + length, body=b"hello" + SMUGGLED)
          for length in (b"5, 5", b"5,6", b"+5", b"-1", b"+1_0", b"1_0", b"0x10", b"010", b"05", b"", b"5 5", b"5;",
          b"5.0",
                         b"1e1", b"\x0b5", b"5\x0b", b"99999999999999999999", b"18446744073709551621", b"\xd9\xa5",
                         b"5\x00")),
        post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello" + SMUGGLED),
        post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello" + SMUGGLED),
        post(b"Content-Length : 5", body=b"hello" + SMUGGLED),
        post(b"Content-Length\t: 5", body=b"hello" + SMUGGLED),
        post(b"X: y\nContent-Length: 5", body=b"hello"),
    ],
    "F3 codings": [
        *(post(b"Transfer-Encoding: " + coding, body=b"0\r\n\r\n" + SMUGGLED)
          for coding in (b"gzip, chunked", b"chunked, chunked", b"chunked, identity", b"identity", b"x",
          b"chunked;q=1", b"",
                         b",chunked", b"chunked,", b"chunk", b"chunkedx", b"\x0bchunked", b"chunked\x00",
                         b'"chunked"', b"x chunked")),
        post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=b"0\r\n\r\n" + SMUGGLED),
        post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
        post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + SMUGGLED),
        post(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n" + SMUGGLED),
        post(b"X: y\nTransfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
    ],
    "F5 field lines": [
        get(b"X: a\r\n b"), get(b" X: a"), get(b"X : a"), get(b"X"), get(b": a"), get(b"X y: a"), get(b"X: a\rY: b"),
        get(b"X: a\nY: b"), get(b"X: a\x00"), get(b"X: a\x7f"), get(b"X\x00: a"), get(b"X\xe9: a"), get(b"X(: a"),
        get().replace(b"\r\n", b"\n"), get().replace(b"\r\n", b"\r"), b"GET / HTTP/1.1\r\nHost: h\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    "F6 Host": [
        b"GET / HTTP/1.1\r\n\r\n", get(b"Host: h"), get(b"Host: other"), b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
        *(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
          for host in (b"a b", b"a@b", b"a/b", b"a:b", b"a:0", b"a:99999", b"[::1", b"a,b", b"a..b", b"127.1",
          b"h\xc3\xa9")),
    ],
    "F8 codings in HTTP/1.0": [
        get(b"Transfer-Encoding: chunked", start=b"POST / HTTP/1.0") + b"0\r\n\r\n" + SMUGGLED,
        get(b"Transfer-Encoding: chunked", b"Content-Length: 5", start=b"POST / HTTP/1.0") + b"0\r\n\r\n",
    ],
    "F14 request lines": [
        *(get(start=line) for line in (
            b'G=":<> / HTTP/1.1', b"GET / HTTP/1.32", b"GET / HTTP/2.0", b"GET / HTTP/0.9", b"GET / HTTP/1.2",
            b"GET / http/1.1",
            b"GET / HTTP/1.1 ", b"GET  / HTTP/1.1", b" GET / HTTP/1.1", b"GET\t/ HTTP/1.1", b"GET / / HTTP/1.1",
            b"GET /", b"GET",
            b"CONNECT h:443 HTTP/1.1", b"TRACE / HTTP/1.1", b"GET * HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET h HTTP/1.1",
            b"GET / HTTP/1.1\x00", b"G\x00T / HTTP/1.1", b"GET / HTTP/11.1", b"GET / HTTP/1", b"GET / XTTP/1.1",
        )),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + get(), b"\r\n\r\n" + get(),
    ],
    "P1, P2, P4, P6 paths": [
        get(start=b"GET " + target + b" HTTP/1.1") for target in (
            b"/../admin", b"/public/../../admin", b"/public/..\\admin", b"/public/..%5cadmin", b"/public%2f..%2fadmin",
            b"/%252e%252e/admin", b"/%25%32%65/", b"/foo/secret#/bar", b"/.%00../", b"/\x02", b"/ /", b"/%", b"/%zz",
            b"/%2", b"/admin;x",
            b"/admin%3bx", b"/\xff", b"/%ff", b"/%c0%af", b"/<>", b"/a|b", b"/a\\b", b"/?a#b", b"/?\x7f",
            b"//h/../../x",
        )
    ],
    "P7 another host in the target": [
        get(start=b"GET http://other/ HTTP/1.1"), get(start=b"GET http://h:81/ HTTP/1.1"),
        get(start=b"GET http://u@h/ HTTP/1.1"),
        get(start=b"GET ftp://h/ HTTP/1.1"), get(start=b"GET //h/../../ HTTP/1.1"), get(start=b"GET http:// HTTP/1.1"),
    ],
    "H11 an id with CRLF": [get(b"X-Request-Id: a\r\n\tb"), get(b"X-Request-Id: a\nX-User-Id: b")],
    "W3 upgrade with a body": [
        get(b"Connection: upgrade", b"Upgrade: websocket", b"Content-Length: 5") + b"hello",
        get(b"Connection: upgrade", b"Upgrade: websocket", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    ],
}  # fmt: skip

BROKEN_CHUNKS: Final = [
    b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n",
    b"5\rhello\r\n0\r\n\r\n",
    b"5;a\nb\r\nhello\r\n0\r\n\r\n", b"5;a\rb\r\nhello\r\n0\r\n\r\n", b"5;a\x00\r\nhello\r\n0\r\n\r\n",
    b" 5\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n",
    b"5_0\r\nhello\r\n0\r\n\r\n", b"\r\nhello\r\n0\r\n\r\n", b"FFFFFFFFFFFFFFFFF5\r\nhello\r\n0\r\n\r\n",
    b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nX : y\r\n\r\n", b"5\r\nhello\r\n0\r\n X: y\r\n\r\n", b"5\r\nhello\r\n0\r\nX: y\nZ: y\r\n\r\n",
    b"5\r\nhello\r\n0\r\nX\r\n\r\n", b"5\r\nhello\r\n0\r\nGET /admin HTTP/1.1\r\n\r\n",
]  # fmt: skip


def pieces(raw: bytes, seed: int) -> list[bytes]:
    """Cut `raw` in up to four, the same way every time."""
    cuts = sorted(random.Random(seed).sample(range(1, len(raw)), min(3, len(raw) - 1)))
    return [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
