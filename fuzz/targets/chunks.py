"""The chunked coding: however it is cut on the way, it is the same body, and the one that h11 sees."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import h11

from ostiary.http.chunks import BadChunk, ChunkReader

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEAD: Final = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
_PIECEMEAL: Final = 512
"""Octets up to which a body is also fed one by one."""


def check(data: bytes) -> None:
    """Read `data` at once, in pieces, and octet by octet."""
    whole = _read([data])
    chance = random.Random(len(data))
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(4))
    parted = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert _read(parted) == whole
    if len(data) <= _PIECEMEAL:
        assert _read(data[at : at + 1] for at in range(len(data))) == whole
    if whole is not None and whole[1]:
        _second_opinion(data, whole[0], whole[2])


def _read(pieces: Iterable[bytes]) -> tuple[bytes, bool, bytes] | None:
    """Return the content, whether it is complete, and what follows it; None if it cannot be read."""
    reader = ChunkReader()
    content: list[bytes] = []
    rest = b""
    try:
        for piece in pieces:
            if reader.done:
                rest += piece
            else:
                more, rest = reader.feed(piece)
                content += more
                assert _complete(reader) or not rest
    except BadChunk:
        return None
    assert all(content), "an empty piece would end a chunked body"
    return b"".join(content), reader.done, rest


def _complete(reader: ChunkReader) -> bool:
    return reader.done


def _second_opinion(data: bytes, content: bytes, rest: bytes) -> None:
    """Compare with h11, unless it refuses: white space before an extension, which RFC 9112 section 7.1.1 allows."""
    theirs = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    theirs.receive_data(_HEAD + data)
    read = b""
    try:
        while not isinstance(event := theirs.next_event(), h11.EndOfMessage):
            assert isinstance(event, (h11.Request, h11.Data)), event
            read += event.data if isinstance(event, h11.Data) else b""
    except h11.RemoteProtocolError:
        return
    assert read == content
    assert theirs.trailing_data[0] == rest
