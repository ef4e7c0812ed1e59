"""The chunked coding: one reading, whatever the pieces it arrives in, and no more work than it is worth."""

from __future__ import annotations

import itertools
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.http.chunks import BadChunk, ChunkReader


def read(*pieces: bytes) -> tuple[bytes, bytes, bool]:
    """Return the content of a chunked body that arrives in `pieces`, what follows it, and whether it is complete."""
    reader, content, rest = ChunkReader(), b"", b""
    for piece in pieces:
        if reader.done:
            rest += piece
        else:
            found, rest = reader.feed(piece)
            content += b"".join(found)
    return content, rest, reader.done


@pytest.mark.parametrize(
    "raw,content,rest",
    [
        (b"0\r\n\r\n", b"", b""),
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc", b""),
        (b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET /", b"abcde", b"GET /"),
        (b"A\r\n0123456789\r\n00\r\n\r\n", b"0123456789", b""),
        (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n", b""),
        (b'3;a="b" ; c\r\nabc\r\n0;d\r\n\r\n', b"abc", b""),
        (b"0\r\nX-User-Id: admin\r\nHost: b\r\nContent-Length: 5\r\n\r\nrest", b"", b"rest"),
    ],
)
def test_content(raw: bytes, content: bytes, rest: bytes) -> None:
    assert read(raw) == (content, rest, True)
    assert read(*(raw[at : at + 1] for at in range(len(raw)))) == (content, rest, True)


@pytest.mark.parametrize(
    "raw",
    [
        b"3\nabc\r\n0\r\n\r\n", b"3\r\nabc\n0\r\n\r\n", b"3\r\nabcd\r\n0\r\n\r\n", b"3\r\nabc0\r\n\r\n",
        b"3\r\nab\r\n0\r\n\r\n", b"\r\n", b" 3\r\nabc\r\n", b"3 \r\nabc\r\n", b"3 ;a=b\r\nabc\r\n", b"3\t;a\r\nabc\r\n",
        b"0 ;a\r\n\r\n", b"0x3\r\nabc\r\n", b"+3\r\nabc\r\n",
        b"-1\r\n", b"3_0\r\n", b"g\r\n", b"3,\r\nabc\r\n", b"1" * 16 + b"\r\n", b"0" * 5000,
        b"3;a\rb\r\nabc\r\n", b"3;a\nb\r\nabc\r\n", b"3;a\x00\r\nabc\r\n", b"3;" + b"a" * 5000 + b"\r\n",
        b"0\r\nX : y\r\n\r\n", b"0\r\n X: y\r\n\r\n", b"0\r\nX: y\nZ: w\r\n\r\n", b"0\r\nnonsense\r\n\r\n",
        b"0\r\nX: \x00\r\n\r\n", b"0\r\n" + b"X: y\r\n" * 2000 + b"\r\n",
    ],
)  # fmt: skip
def test_what_cannot_be_read_one_way_only(raw: bytes) -> None:
    with pytest.raises(BadChunk):
        read(raw)
    with pytest.raises(BadChunk):
        read(*(raw[at : at + 7] for at in range(0, len(raw), 7)))


@pytest.mark.parametrize("chunk", [b"1\r\na\r\n", b"2;" + b"x" * 100 + b"\r\nab\r\n"])
def test_chunks_that_are_not_worth_their_overhead(chunk: bytes) -> None:
    assert read(chunk * 100)[0], "a few do not matter"
    with pytest.raises(BadChunk):
        read(*[chunk * 1000] * 100)


@pytest.mark.parametrize("raw", [b"", b"3", b"3\r", b"3\r\nab", b"3\r\nabc", b"3\r\nabc\r", b"0\r\n", b"0\r\nX: y\r\n"])
def test_incomplete(raw: bytes) -> None:
    assert read(raw)[1:] == (b"", False)


_CHUNKS = st.lists(st.binary(min_size=1, max_size=40), max_size=6)


@given(_CHUNKS, st.binary(max_size=20), st.lists(st.integers(0, 300), max_size=6))
def test_pieces_do_not_matter(chunks: list[bytes], rest: bytes, cuts: list[int]) -> None:
    raw = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n" + rest
    at = sorted({0, *(cut for cut in cuts if cut < len(raw)), len(raw)})
    pieces = [raw[start:end] for start, end in itertools.pairwise(at)]
    assert read(*pieces) == (b"".join(chunks), rest, True)


@given(st.binary(max_size=60))
def test_any_octets_are_read_or_refused(raw: bytes) -> None:
    with suppress(BadChunk):
        assert len(read(raw)[0]) <= len(raw)
