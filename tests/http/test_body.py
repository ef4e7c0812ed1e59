from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.http.body import Body
from ostiary.http.chunks import BadChunk
from ostiary.http.framing import CHUNKED, UNTIL_CLOSE


def test_a_body_of_a_length_ends_with_its_last_octet() -> None:
    body = Body(5)
    assert (body.feed(b"ab"), body.done) == ((b"ab", b""), False)
    assert (body.feed(b"cdeGET /"), body.done) == ((b"cde", b"GET /"), True)


def test_no_body_is_done_before_anything_comes() -> None:
    body = Body(0)
    assert body.done
    assert (body.feed(b"GET /"), body.done) == ((b"", b"GET /"), True)


def test_a_body_that_ends_with_its_connection_is_never_done() -> None:
    body = Body(UNTIL_CLOSE)
    assert (body.feed(b"0\r\n\r\n"), body.feed(b""), body.done) == ((b"0\r\n\r\n", b""), (b"", b""), False)


def test_chunks_come_as_one_piece() -> None:
    body = Body(CHUNKED)
    assert (body.feed(b"1\r\na\r\n2\r\nbc\r\n1\r"), body.done) == ((b"abc", b""), False)
    assert (body.feed(b"\nd"), body.done) == ((b"d", b""), False)
    assert (body.feed(b"\r\n0\r\n\r\nGET /"), body.done) == ((b"", b"GET /"), True)


def test_chunks_that_cannot_be_read() -> None:
    with pytest.raises(BadChunk):
        Body(CHUNKED).feed(b"x\r\n")


@given(st.binary(max_size=50), st.binary(max_size=10), st.data())
def test_it_does_not_matter_how_it_is_cut(content: bytes, behind: bytes, data: st.DataObject) -> None:
    chunked = data.draw(st.booleans()) and bool(content)
    raw = (b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content) if chunked else content) + behind
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=5)))
    body, found, rest = Body(CHUNKED if chunked else len(content)), b"", b""
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        piece, rest = (b"", rest + raw[start:end]) if body.done else body.feed(raw[start:end])
        found += piece
    assert (found, rest, body.done) == (content, behind, True)
