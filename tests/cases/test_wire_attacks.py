"""The framing, path and upgrade rows of the shared attacks, as octets on a socket.

What is refused is refused before the upstream hears of it, and the connection ends; what is let through arrives as one
request, read in one way. Each attack is sent whole and in pieces, cut where it may hurt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.cases.messages import BROKEN_CHUNKS, REFUSED, SMUGGLED, chunked, get, pieces, post
from tests.support.tokens import key
from tests.support.wire import OPEN, content, wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.wire import Heard


@pytest.mark.parametrize("name", REFUSED)
async def test_refused(tmp_path: Path, name: str) -> None:
    wrong = []
    async with wire(tmp_path) as gate:
        for number, raw in enumerate(REFUSED[name]):
            for sent in ([raw], pieces(raw, number)):
                heard = await gate.play(*sent)
                if not (heard.refused and heard.statuses == [400] and heard.by_itself):
                    wrong.append((sent, heard.statuses, heard.by_itself, heard.arrived))
        assert gate.upstream.connections == 0
    assert wrong == []


@pytest.mark.parametrize("seed", [None, 1, 2])
async def test_f4_broken_chunks(tmp_path: Path, seed: int | None) -> None:
    """The upstream may have been told of the request before its body broke, but is never told that it was complete."""
    wrong = []
    async with wire(tmp_path) as gate:
        for body in BROKEN_CHUNKS:
            raw = chunked(body + SMUGGLED)
            heard = await gate.play(*([raw] if seed is None else pieces(raw, seed)))
            if heard.statuses != [400] or heard.arrived:
                wrong.append((body, heard.statuses, heard.arrived))
        assert gate.upstream.requests == []
    assert wrong == []


def seen(heard: Heard) -> list[tuple[str, str, bytes]]:
    return [(received.method, received.target, content(received)) for received in heard.arrived]


TAKEN: Final[dict[str, tuple[bytes, list[tuple[str, str, bytes]]]]] = {
    "F7 a body that looks like a request": (
        get(b"Content-Length: %d" % len(SMUGGLED)) + SMUGGLED, [("GET", "/", SMUGGLED)],
    ),
    "F4 chunk extensions": (
        chunked(b'5;a="b";c\r\nhello\r\n1;\txyz\r\n!\r\n0;last\r\n\r\n') + SMUGGLED, [("POST", "/", b"hello!"),
        ("GET", "/admin", b"")],
    ),
    "F9 trailers": (
        chunked(b"5\r\nhello\r\n0\r\nAuthorization: Bearer x\r\nHost: b\r\nX-User-Id: x\r\nContent-Length: 4\r\n\r\n")
        + SMUGGLED,
        [("POST", "/", b"hello"), ("GET", "/admin", b"")],
    ),
    "F11 bytes that do not wait for 100": (
        post(b"Expect: 100-continue", b"Content-Length: 5", body=b"hello") + SMUGGLED, [("POST", "/", b"hello"),
        ("GET", "/admin", b"")],
    ),
    "HTTP/1.0": (get(start=b"GET /old HTTP/1.0") + SMUGGLED, [("GET", "/old", b"")]),
    "close": (get(b"Connection: close") + SMUGGLED, [("GET", "/", b"")]),
    "pipelined": (get() + post(b"Content-Length: 2", body=b"hi") + get(), [("GET", "/", b""), ("POST", "/", b"hi"),
    ("GET", "/", b"")]),
    "an empty line between requests": (post(b"Content-Length: 2", body=b"hi\r\n") + get(), [("POST", "/", b"hi"),
    ("GET", "/", b"")]),
    "no length": (post(body=SMUGGLED), [("POST", "/", b""), ("GET", "/admin", b"")]),
    "P1 normalised once": (
        get(start=b"GET /public/%2e%2e/admin/./x//y HTTP/1.1") + get(start=b"GET http://H/a/../b?%2e HTTP/1.1"),
        [("GET", "/admin/x/y", b""), ("GET", "/b?%2e", b"")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
async def test_taken(tmp_path: Path, name: str) -> None:
    raw, expected = TAKEN[name]
    async with wire(tmp_path) as gate:
        for sent in ([raw], pieces(raw, 1), [raw[at : at + 1] for at in range(len(raw))]):
            heard = await gate.play(*sent)
            assert seen(heard) == expected
            assert [status for status in heard.statuses if status != 100] == [200] * len(expected)
            assert all(
                received.values("Authorization") == received.values("X-User-Id") == [] for received in heard.arrived
            )


async def test_faulty_second_request(tmp_path: Path) -> None:
    """The first is answered, then the refusal, then the end; nothing of what follows is read."""
    async with wire(tmp_path) as gate:
        for faults in REFUSED.values():
            heard = await gate.play(get(start=b"GET /first HTTP/1.1") + faults[0] + SMUGGLED)
            assert [received.target for received in heard.arrived] == ["/first"], faults[0]
            assert heard.statuses == [200, 400], faults[0]
            assert heard.by_itself


async def test_p3_spellings_are_under_the_same_rule(tmp_path: Path) -> None:
    """`/admin` needs a token however it is spelt, `/` does not."""
    routes = [*OPEN, {"name": "admin", "match": {"path": "/admin/**"}, "upstream": "api"}]
    async with wire(tmp_path, routes=routes) as gate:
        for target in (b"/admin", b"//admin", b"/admin//", b"/admin/", b"/%61dmin", b"/x/../admin",
        b"/x/%2e%2E/admin", b"/./admin/y",
                       b"http://h/admin", b"http://H/admin", b"/admin?x"):  # fmt: skip
            assert (await gate.play(get(start=b"GET " + target + b" HTTP/1.1"))).statuses == [401], target
        for target in (b"/ADMIN", b"/Admin/x"):
            assert (await gate.play(get(start=b"GET " + target + b" HTTP/1.1"))).statuses == [404], target
        assert gate.upstream.requests == []


async def test_a_method_in_another_case_dodges_no_rule(tmp_path: Path) -> None:
    """The services of some frameworks would run `post` as POST, which needs a token."""
    routes = [*OPEN, {"name": "make", "match": {"path": "/**", "methods": ["POST"]}, "upstream": "api"}]
    async with wire(tmp_path, routes=routes) as gate:
        for method in (b"post", b"Post", b"POSt", b"POST*", b"helloPOST"):
            heard = await gate.play(get(start=method + b" /items HTTP/1.1"))
            assert (heard.statuses, heard.refused, heard.by_itself) == ([400], True, True), method
        assert (await gate.play(get(start=b"POST /items HTTP/1.1"))).statuses == [401]
        assert gate.upstream.requests == []


async def test_f10_a_refused_body_is_no_request(tmp_path: Path) -> None:
    """Small bodies are read and dropped, so that the connection goes on behind them; large ones end it."""
    async with wire(tmp_path, routes=[{**OPEN[0], "anonymous": False}]) as gate:
        token = b"Authorization: Bearer " + key("ES256").token().encode()
        good = get(token, start=b"GET /good HTTP/1.1")
        small = post(b"Content-Length: %d" % len(good), body=good) + good
        for sent in ([small], pieces(small, 7)):
            heard = await gate.play(*sent)
            assert heard.statuses == [401, 200]
            assert [received.target for received in heard.arrived] == ["/good"]
        for large in (
            post(b"Content-Length: 100000", body=good * 50),
            chunked(b"%x\r\n%b\r\n0\r\n\r\n" % (len(good), good)) + good,
            post(b"Content-Length: %d" % len(good), b"Expect: 100-continue", body=good) + good,
        ):
            heard = await gate.play(large)
            assert (heard.statuses, heard.arrived) == ([401], [])
            assert b"Connection: close" in heard.raw


async def test_w1_what_follows_a_refused_upgrade_is_not_run(tmp_path: Path) -> None:
    upgrade = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: x", b"Sec-WebSocket-Version: 13")
    token = b"Authorization: Bearer " + key("ES256").token().encode()
    async with wire(tmp_path, routes=[{**OPEN[0], "anonymous": False}]) as gate:
        heard = await gate.play(get(*upgrade, b"Authorization: Bearer bad") + get(token))
        assert (heard.statuses, heard.arrived) == ([401], [])
        assert b"Connection: close" in heard.raw
