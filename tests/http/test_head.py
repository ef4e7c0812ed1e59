"""Cutting a head: what is well-formed, what is not yet complete, and what can never be either."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.http.head import hopeless, printable, request_head, response_head, unfinished

if TYPE_CHECKING:
    from collections.abc import Callable

BODY: Final = b"x" * 5000
GOOD = b"GET /a?b HTTP/1.1\r\nHost: h\r\nX-Empty:\r\nX-Tab: a\tb \xff\r\n\r\n"


def test_request_head() -> None:
    cut = request_head(GOOD + b"rest\r\n\r\n")
    assert cut is not None
    method, target, version, fields, rest = cut
    assert (method, target, version, rest) == (b"GET", b"/a?b", b"1.1", b"rest\r\n\r\n")
    assert [field[:2] for field in fields] == [(b"Host", b"h"), (b"X-Empty", b""), (b"X-Tab", b"a\tb \xff")]


def test_response_head() -> None:
    cut = response_head(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody")
    assert cut is not None
    assert cut == (b"1.1", 200, [(b"A", b"b", b"")], b"body")


@pytest.mark.parametrize("line", [b"HTTP/1.1 200", b"HTTP/1.0 200 ", b"HTTP/1.1 599 Never \t Heard \xff"])
def test_status_lines(line: bytes) -> None:
    assert response_head(line + b"\r\n\r\n") is not None


@pytest.mark.parametrize(
    "line",
    [b"", b"HTTP/1.1", b"HTTP/1.1 20", b"HTTP/1.1 2000", b"HTTP/1.1 099", b"HTTP/1.1 600", b"HTTP/1.2 200",
     b"HTTP/2 200", b"HTTP/1.1  200", b"http/1.1 200", b"RTSP/1.1 200", b" HTTP/1.1 200", b"HTTP/1.1 200\tOK",
     b"HTTP/1.1 200 O\x00K"],
)  # fmt: skip
def test_no_status_lines(line: bytes) -> None:
    assert response_head(line + b"\r\n\r\n") is None


@pytest.mark.parametrize(
    "line",
    [b"", b"GET", b"GET /", b"GET  / HTTP/1.1", b"GET /  HTTP/1.1", b"GET / HTTP/1.1 ", b" GET / HTTP/1.1",
     b"GET / / HTTP/1.1", b"GET\t/ HTTP/1.1", b"GET / http/1.1", b"GET / HTTP/1", b"GET / HTTP/11.1",
     b"GET / HTTP/1.10", b"GET / RTSP/1.0",
     b'G=":<> / HTTP/1.1', b"GET /\x00 HTTP/1.1", b"GET /\x7f HTTP/1.1", b"X" * 33 + b" / HTTP/1.1"],
)  # fmt: skip
def test_no_request_lines(line: bytes) -> None:
    assert request_head(line + b"\r\nHost: h\r\n\r\n") is None


@pytest.mark.parametrize(
    "field",
    [b" Folded: first", b"A: b\r\n folded", b"A: b\r\n\tfolded", b"A : b", b"A\t: b", b": b", b"A", b"A B: c", b"A(: b",
     b"A\xff: b", b"A\x00: b", b"A: b\rC: d", b"A: b\r", b"\nA: b"],
)  # fmt: skip
def test_no_fields(field: bytes) -> None:
    assert request_head(b"GET / HTTP/1.1\r\nHost: h\r\n" + field + b"\r\n\r\n") is None
    assert response_head(b"HTTP/1.1 200 OK\r\n" + field + b"\r\n\r\n") is None


@pytest.mark.parametrize("text", [bytes((code,)) for code in range(256)])
def test_printable(text: bytes) -> None:
    code = text[0]
    assert printable(b"a" + text) is (code == 9 or (code >= 32 and code != 127))


@given(st.integers(0, len(GOOD) - 1))
def test_the_beginning_of_a_good_head_is_incomplete_but_not_hopeless(end: int) -> None:
    assert request_head(GOOD[:end]) is None
    assert not hopeless(GOOD[:end])


@pytest.mark.parametrize(
    "part", [b"GET / HTTP/1.1\n", b"GET /\x00", b"GET / HTTP/1.1\r\nA: b\nC", b"\x16\x03\x01", b"A\rB", b"A: \x7f"]
)
def test_hopeless(part: bytes) -> None:
    assert hopeless(part)


@given(data=st.binary(max_size=60), dressed=st.booleans())
def test_any_octets_have_an_answer(data: bytes, *, dressed: bool) -> None:
    raw = b"GET / HTTP/1.1\r\n" + data + b"\r\n\r\n" if dressed else data
    cut = request_head(raw)
    if cut is not None:
        assert raw.endswith(cut[-1])
        assert all(b"\r" not in value for _, value, _ in cut[3])
    response_head(raw)
    hopeless(raw)


@given(data=st.binary(max_size=60), dressed=st.booleans())
def test_a_long_body_behind_a_head_changes_nothing(data: bytes, *, dressed: bool) -> None:
    for line, head in ((b"GET / HTTP/1.1", request_head), (b"HTTP/1.1 200 OK", response_head)):
        raw = line + b"\r\n" + data + b"\r\n\r\n" if dressed else data
        cut, long = head(raw), head(raw + BODY)
        assert long == (None if cut is None else (*cut[:-1], cut[-1] + BODY))


def test_nothing_is_a_head_because_of_what_a_body_holds() -> None:
    assert request_head(b"GET / HTTP/1.1\r\nA : b\r\n" + BODY + GOOD) is None
    assert request_head(b"GET / HTTP/1.1\r\nA: b\r\n" + BODY) is None


def test_a_body_behind_a_head_is_not_read_with_it() -> None:
    """It would cost more than all else that is done for a body: 9 ns for each octet, it was."""
    body = bytes(4_000_000)
    for head, start in ((request_head, GOOD), (response_head, b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n")):
        data = start + body
        # In a table without effect, each octet is looked at once: a tenth of what the regular expression would take.
        once = quickest(lambda: data.translate(bytes(range(256))))  # noqa: B023  # called at once
        assert quickest(lambda: head(data)) < once  # noqa: B023  # the same


def quickest(work: Callable[[], object]) -> float:
    """Return the processor's time for `work`, in seconds, at its best."""
    times = []
    for _ in range(5):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return min(times)


@given(st.text(alphabet="aA: \r\n\x00", max_size=30), st.integers(0, 30))
def test_what_was_looked_at_need_not_be_looked_at_again(text: str, cut: int) -> None:
    part = text.encode()
    seen = min(cut, len(part))
    if unfinished(part[:seen], 0):
        assert unfinished(part, seen) == unfinished(part, 0)
