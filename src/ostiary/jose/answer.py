"""A key server's answer, read from a stream: strictly, and no more of it than is allowed (RFC 9112)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.http.chunks import BadChunk, ChunkReader
from ostiary.http.framing import CHUNKED, UNTIL_CLOSE, BadFraming, response_framing
from ostiary.http.head import END, response_head

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ostiary.http.head import Fields

HEAD_BYTES: Final = 32 * 1024
"""Longest head. The stream's own limit has to be this one."""
_MAX_HEADS: Final = 4
"""The answer's own and those of interim answers before it (RFC 9110 section 15.2)."""
_PIECE: Final = 16 * 1024


class BadAnswer(Exception):
    """The answer cannot be read, or is too long; the text says why and repeats nothing of it."""


class AnswerHead(msgspec.Struct, frozen=True):
    """What counts of an answer's head. Fields that are absent are empty; `body` is a length or as in `framing`."""

    status: int
    location: bytes
    coding: str
    """Content-Encoding, lower-case."""
    body: int


async def read_head(reader: asyncio.StreamReader) -> AnswerHead:
    """Read the head of the answer to a GET. Raises BadAnswer, OSError."""
    for _ in range(_MAX_HEADS):
        try:
            text = await reader.readuntil(END)
        except asyncio.IncompleteReadError as error:
            raise BadAnswer("the answer is cut short" if error.partial else "closed without an answer") from None
        except asyncio.LimitOverrunError:
            raise BadAnswer(f"the answer's head is longer than {HEAD_BYTES} bytes") from None
        head = _head(text)
        if head.status >= 200:
            return head
    raise BadAnswer("too many interim answers")


async def read_body(reader: asyncio.StreamReader, head: AnswerHead, max_bytes: int) -> bytes:
    """Read the body behind `head`, of at most `max_bytes`. Raises BadAnswer, OSError."""
    body = bytearray()
    if head.body <= max_bytes:
        async for piece in _pieces(reader, head.body):
            body += piece
            if len(body) > max_bytes:
                break
        else:
            return bytes(body)
    raise BadAnswer(f"longer than {max_bytes} bytes")


async def _pieces(reader: asyncio.StreamReader, length: int) -> AsyncIterator[bytes]:
    """Give the body as it comes."""
    chunks = ChunkReader()
    while length and not chunks.done:
        data = await reader.read(_PIECE if length < 0 else min(_PIECE, length))
        if not data:
            if length == UNTIL_CLOSE:
                return
            raise BadAnswer("the answer is cut short")
        if length == CHUNKED:
            try:
                data = b"".join(chunks.feed(data)[0])
            except BadChunk:
                raise BadAnswer("the answer's chunks cannot be read") from None
        elif length > 0:
            length -= len(data)
        yield data


def _head(text: bytes) -> AnswerHead:
    cut = response_head(text)
    if cut is None:
        raise BadAnswer("the answer is not HTTP/1")
    version, status, fields, _ = cut
    body = response_framing(
        status, b"GET", version.decode(), _values(fields, b"content-length"), _values(fields, b"transfer-encoding")
    )
    if isinstance(body, BadFraming):
        raise BadAnswer(f"the answer cannot be read in one way only: {body.reason}")
    location = b"".join(_values(fields, b"location")[:1])
    coding = b",".join(_values(fields, b"content-encoding"))
    return AnswerHead(status, location, coding.decode("latin-1").lower(), body)


def _values(fields: Fields, name: bytes) -> list[bytes]:
    return [value.strip() for key, value, _ in fields if key.lower() == name]
