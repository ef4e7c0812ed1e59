"""Heads read once: the same as reading them each time, and nothing private kept."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.config.model import Bounds, IdentityHeaders
from ostiary.decision.outcome import Refusal
from ostiary.http.forwarded import Trusted
from ostiary.http.framing import BadFraming
from ostiary.http.headers import HeaderPolicy
from ostiary.http.peer import Peer
from ostiary.http.reader import RequestReader, ResponseReader
from ostiary.http.request import Request, read_request
from ostiary.http.response import ResponseHead, read_response

POLICY = HeaderPolicy(IdentityHeaders())
BOUNDS = Bounds()
PEER = Peer("192.0.2.1", b"http", Trusted(()), "x-forwarded")
LINES = [
    b"Host: api.example.com",
    b"Host: API.example.com:8080",
    b"Host:",
    b"User-Agent: x/1",
    b"Accept: */*",
    b"accept:*/*",
    b"Authorization: Bearer a.b.c",
    b"Authorization:  Bearer a.b.c ",
    b"authorization: Bearer a.b.c",
    b"Authorization: Bearer\na",
    b"Cookie: a=b",
    b"X-Api-Key: secret",
    b"X-User-Id: admin",
    b"X-Forwarded-For: 10.0.0.1",
    b"Connection: close",
    b"Content-Length: 3",
    b"Accept: a\x00b",
    b" folded",
    b"",
    b"\r",
]
STARTS = [b"GET /a HTTP/1.1", b"POST /b?c=d HTTP/1.1", b"GET /%2e HTTP/1.0", b"get //x HTTP/1.1", b"GET * HTTP/1.1"]


def same(one: tuple[Request | Refusal, bytes] | None, other: tuple[Request | Refusal, bytes] | None) -> bool:
    """Compare what two readings found, leaving out the ids that each of them made."""
    if one is None or other is None or isinstance(one[0], Refusal) or isinstance(other[0], Refusal):
        return one == other
    callers = [
        msgspec.structs.replace(
            found.caller, fields=found.caller.fields.replace(found.caller.request_id, b"-"), request_id=b"-"
        )
        for found in (one[0], other[0])
    ]
    one_request, other_request = (
        msgspec.structs.replace(found, caller=caller) for found, caller in zip((one[0], other[0]), callers, strict=True)
    )
    return (one_request, one[1]) == (other_request, other[1])


@given(
    st.lists(st.tuples(st.sampled_from(STARTS), st.lists(st.sampled_from(LINES), max_size=6)), max_size=12),
    st.sampled_from([b"", b"rest", b"\r\n", b"\r\nAuthorization: Bearer z\r\n\r\n", b"x" * 20_000]),
)
def test_a_request_means_the_same_however_often_it_is_read(story: list[tuple[bytes, list[bytes]]], rest: bytes) -> None:
    reader = RequestReader(POLICY, BOUNDS)
    for start, lines in story * 2:
        data = b"\r\n".join((start, *lines)) + b"\r\n\r\n" + rest
        assert same(reader.read(data, PEER), read_request(data, PEER, POLICY, BOUNDS)), data


@pytest.mark.parametrize("bound", [2, 3, 4])
def test_fields_are_counted_in_what_is_known_too(bound: int) -> None:
    bounds = BOUNDS.model_copy(update={"header_count": bound})
    lines = [b"Host: h", b"User-Agent: x", b"Accept: */*"]
    token = b"Authorization: Bearer a.b.c"
    for story in (lines, [*lines, token], [*lines, token, token]), ([*lines, token], lines), (lines[:2], lines):
        reader = RequestReader(POLICY, bounds)
        for fields in story * 2:
            data = b"\r\n".join((b"GET / HTTP/1.1", *fields, b"", b""))
            assert same(reader.read(data, PEER), read_request(data, PEER, POLICY, bounds)), (bound, fields)


def test_a_shared_head_is_kept_and_a_private_one_is_not() -> None:
    reader = RequestReader(POLICY, BOUNDS)
    head = b"GET /%d HTTP/1.1\r\nHost: h\r\nUser-Agent: x\r\nAuthorization: Bearer %d\r\nAccept: */*\r\n%b\r\n"
    for number in range(5):
        found = reader.read(head % (number, number, b""), PEER)
        assert found is not None
        assert isinstance(found[0], Request)
        assert found[0].authorization == (b"Bearer %d" % number,)
    assert len(reader._shared) == 1
    for secret in (b"Cookie: s=1\r\n", b"X-Api-Key: k\r\n", b"X-Request-Id: 1\r\n", b"traceparent: 00\r\n"):
        reader.read(head % (0, 0, secret), PEER)
    assert len(reader._shared) == 1
    assert b"Bearer" not in b"".join(reader._shared)


def test_a_token_cannot_be_cut_out_of_what_is_no_head() -> None:
    reader = RequestReader(POLICY, BOUNDS)
    assert reader.read(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", PEER) is not None
    assert reader.read(b"GET / HTTP/1.1\r\nHost: h\r\n\r\r\nAuthorization: x\n", PEER) is None


def test_what_is_kept_is_bounded() -> None:
    reader = RequestReader(POLICY, BOUNDS)
    for number in range(1000):
        reader.read(b"GET / HTTP/1.1\r\nHost: h%d\r\n\r\n" % number, PEER)
    assert 0 < len(reader._shared) <= 256
    reader.read(b"GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: %b\r\n\r\n" % (b"x" * 2000), PEER)
    assert all(len(octets) <= 1024 for octets in reader._shared)


RESPONSE_LINES = [
    b"Content-Length: 3",
    b"Content-Length: x",
    b"Transfer-Encoding: chunked",
    b"Content-Type: text/plain",
    b"Date: Mon, 23 Nov 2026 02:04:31 GMT",
    b"Set-Cookie: s=1",
    b"Connection: close",
    b"Connection: X-Y",
    b"X-Y: z",
    b"X-User-Id: u",
    b"A b: c",
]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [b"HTTP/1.1 200 OK", b"HTTP/1.0 404 ", b"HTTP/1.1 204 No", b"HTTP/1.1 304 N", b"HTTP/2 200"]
            ),
            st.lists(st.sampled_from(RESPONSE_LINES), max_size=5),
            st.sampled_from(["GET", "HEAD", "POST"]),
        ),
        max_size=12,
    ),
    st.sampled_from([b"", b"abc"]),
)
def test_a_response_means_the_same_however_often_it_is_read(
    story: list[tuple[bytes, list[bytes], str]], rest: bytes
) -> None:
    reader = ResponseReader(POLICY, lambda: b"Date: now\r\n")
    for start, lines, method in story * 2:
        data = b"\r\n".join((start, *lines)) + b"\r\n\r\n" + rest
        assert reader.read(data, method, 65536) == dated(read_response(data, method, POLICY))


def dated(found: tuple[ResponseHead | BadFraming, bytes] | None) -> tuple[ResponseHead | BadFraming, bytes] | None:
    if found is None or isinstance(head := found[0], BadFraming) or b"\r\nDate: " in head.lines:
        return found
    return msgspec.structs.replace(head, lines=head.lines + b"Date: now\r\n"), found[1]


def test_what_is_not_dated_is_dated_anew_each_time() -> None:
    seconds = iter((b"Date: 1\r\n", b"Date: 2\r\n"))
    reader = ResponseReader(POLICY, lambda: next(seconds))
    for second in (b"1", b"2"):
        found = reader.read(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", 65536)
        assert found is not None
        assert isinstance(found[0], ResponseHead)
        assert found[0].lines.endswith(b"\r\nDate: %b\r\n" % second)
    for told in (b"HTTP/1.1 103 E\r\nLink: x\r\n\r\n", b"HTTP/1.1 204 N\r\ndate: then\r\n\r\n"):
        assert reader.read(told, "GET", 65536) == read_response(told, "GET", POLICY)


@pytest.mark.parametrize("private", [b"Set-Cookie: s=1", b"X-Anything: 1", b"Location: /?token=1"])
def test_private_responses_are_not_kept(private: bytes) -> None:
    reader = ResponseReader(POLICY, lambda: b"Date: now\r\n")
    found = reader.read(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n%b\r\n\r\n" % private, "GET", 65536)
    assert found is not None
    assert not isinstance(found[0], BadFraming)
    assert not reader._shared


def test_what_follows_a_head_is_not_taken_for_part_of_it() -> None:
    reader = RequestReader(POLICY, BOUNDS)
    head, behind = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n", b"Authorization: Bearer a.b.c\r\n"
    for _ in range(2):
        for data in (head, head + behind):
            found = reader.read(data, PEER)
            assert found is not None
            assert isinstance(found[0], Request)
            assert (found[0].authorization, found[1]) == ((), data[len(head) :])


def test_a_credential_that_has_only_begun_may_be_part_of_a_body() -> None:
    data = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nA\r\nAuthorization: Bear"
    assert same(RequestReader(POLICY, BOUNDS).read(data, PEER), read_request(data, PEER, POLICY, BOUNDS))
