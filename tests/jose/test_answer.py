from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.jose.answer import HEAD_BYTES, AnswerHead, BadAnswer, read_body, read_head


async def read(text: bytes, max_bytes: int = 100) -> tuple[AnswerHead, bytes]:
    """Read the answer that consists of `text`."""
    reader = asyncio.StreamReader(HEAD_BYTES)
    reader.feed_data(text)
    reader.feed_eof()
    head = await read_head(reader)
    return head, await read_body(reader, head, max_bytes)


@pytest.mark.parametrize(
    "text, body",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
        (b"HTTP/1.1 200\r\ncontent-length:0\r\n\r\n{}", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{} what follows is nobody's", b"{}"),
        (b"HTTP/1.0 200 OK\r\n\r\n{}", b"{}"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\nX: y\r\n\r\n", b"{}"),
        (b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b" " * 100, b" " * 100),
    ],
)
async def test_a_body_is_read_as_framed(text: bytes, body: bytes) -> None:
    assert (await read(text))[1] == body


@pytest.mark.parametrize(
    "text, why",
    [
        (b"", "closed without"),
        (b"HTTP/1.1 200 OK\r\n", "cut short"),
        (b"HTTP/2 200\r\n\r\n", "not HTTP/1"),
        (b"HTTP/1.1 200 OK\nX: y\n\r\n\r\n", "not HTTP/1"),
        (b"HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n", "not HTTP/1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", "one way only"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}", "one way only"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "one way only"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", "cut short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "cut short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n", "chunks"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 101, "longer than 100"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", "longer than 100"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 101, "longer than 100"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 4 + b"HTTP/1.1 200 OK\r\n\r\n", "interim"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * HEAD_BYTES, "head is longer"),
    ],
)
async def test_what_cannot_be_read_is_refused(text: bytes, why: str) -> None:
    with pytest.raises(BadAnswer, match=why):
        await read(text)


async def test_what_counts_of_a_head() -> None:
    head, _ = await read(b"HTTP/1.1 302 X\r\nLOCATION: /a \r\ncontent-encoding: GZip\r\nContent-Encoding: br\r\n\r\n")
    assert (head.status, head.location, head.coding) == (302, b"/a", "gzip,br")


@given(st.binary(max_size=300))
async def test_nothing_else_is_ever_raised(tail: bytes) -> None:
    for begin in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        try:
            _, body = await read(begin + tail)
        except BadAnswer:
            continue
        assert len(body) <= 100
