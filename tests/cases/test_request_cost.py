"""What a request costs, counted rather than timed: the gate that no noisy machine can blur.

A request passes through the gateway's own connections, pipeline and all, with nothing but the sockets taken away. What
is recorded here are the figures of CPython 3.11; they are the same in each of its patch versions.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.documents import document
from tests.support.meters import Cost, bytecodes, complaint, cost
from tests.support.socketless import socketless
from tests.support.tokens import key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.documents import Document
    from tests.support.socketless import Socketless

_MARGIN: Final = 0.02
_BUCKET: Final = {"rate": "100000/s", "burst": 100000}
_ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 23 Nov 2026 10:10:10 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: 4\r\nConnection: keep-alive\r\n\r\nbody"
)

RECORDED: Final = {
    "seen": Cost(
        parts={
            "authenticate": 55,
            "credentials": 38,
            "decision": 140,
            "http": 307,
            "jose": 21,
            "limit": 145,
            "observe": 50,
            "proxy": 829,
            "routes": 149,
            "stores": 25,
        },
        calls=87,
        memory=2213,
    ),
    "new": Cost(
        parts={
            "authenticate": 330,
            "authorize": 9,
            "credentials": 38,
            "decision": 251,
            "elsewhere": 24,
            "http": 307,
            "jose": 656,
            "limit": 187,
            "observe": 50,
            "propagate": 220,
            "proxy": 829,
            "routes": 149,
            "stores": 25,
        },
        calls=189,
        memory=3749,
    ),
    "refused": Cost(
        parts={
            "authenticate": 14,
            "credentials": 4,
            "decision": 99,
            "http": 194,
            "observe": 65,
            "proxy": 668,
            "routes": 149,
        },
        calls=66,
        memory=2372,
    ),
    "logged": Cost(
        parts={
            "authenticate": 55,
            "credentials": 38,
            "decision": 140,
            "http": 307,
            "jose": 21,
            "limit": 145,
            "observe": 126,
            "proxy": 959,
            "routes": 149,
            "stores": 25,
        },
        calls=99,
        memory=2864,
    ),
}
"""Of a request whose token was seen before; is new; is missing; was seen before, with an access log."""


def configuration(routes: int = 1) -> Document:
    """Return a gateway that authenticates, authorises and limits on each of so many routes."""
    return document(
        "http://127.0.0.1:9",
        limits={"all": {"tiers": {"free": _BUCKET}}},
        routes=[
            {
                "name": f"route-{number}",
                "match": {"path": f"/api/{number}/**"},
                "upstream": "api",
                "require": {"scopes": ["read"]},
                "limit": "all",
            }
            for number in range(routes)
        ],
    )


def request(token: str | None, route: int = 0, body: int = 0) -> bytes:
    """Return what an ordinary client sends; of a body, the head alone."""
    lines = [
        f"{'POST' if body else 'GET'} /api/{route}/orders HTTP/1.1",
        "Host: api.example.com",
        "User-Agent: test/1",
        "Accept: */*",
        *([f"Content-Length: {body}"] if body else []),
        *([f"Authorization: Bearer {token}"] if token else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def token(number: int = 0) -> str:
    """Return one of many tokens of the same length."""
    return key("RS256").token(scope="read", jti=f"{number:04}")


async def works(ends: Socketless) -> dict[str, Callable[[], None]]:
    """Return the requests that are weighed, each to be asked as often as one likes, and asked already."""
    seen, refused = request(token()), request(None)
    new = iter([request(token(number)) for number in range(1, 30)])
    assert (await ends.first(seen, _ANSWER)).endswith(b"\r\n\r\nbody")
    found: dict[str, Callable[[], None]] = {
        "seen": lambda: ends.ask(seen, _ANSWER),
        "new": lambda: ends.ask(next(new), _ANSWER),
        "refused": lambda: ends.ask(refused),
    }
    for name, status in (("refused", b"401"), ("new", b"200"), ("seen", b"200")):
        for _ in range(3):
            found[name]()
        assert ends.to_client.take().startswith(b"HTTP/1.1 %b " % status)
    return found


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="bytecodes differ from one minor version to the next")
@pytest.mark.parametrize("name", RECORDED)
async def test_a_request_costs_no_more_than_is_recorded(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with socketless(configuration(), tmp_path, monkeypatch, logs=name == "logged") as ends:
        work = (await works(ends))["seen" if name == "logged" else name]
        grown = complaint(RECORDED[name], cost(work), _MARGIN)
    assert not grown, grown


async def test_ten_thousand_routes_cost_a_request_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executed = []
    for routes in (10, 10_000):
        async with socketless(configuration(routes), tmp_path, monkeypatch) as ends:
            last = request(token(), routes - 1)
            await ends.first(last, _ANSWER)
            executed.append(sum(bytecodes(lambda: ends.ask(last, _ANSWER)).values()))  # noqa: B023  # called at once
    few, many = executed
    assert many <= few * 1.01


async def test_a_request_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with socketless(configuration(), tmp_path, monkeypatch) as ends:
        work = await works(ends)
        for name in ("seen", "refused"):
            work[name]()
            before = sys.getallocatedblocks()
            for _ in range(200):
                work[name]()
            assert sys.getallocatedblocks() - before < 20


async def test_a_large_body_is_not_copied_on_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    piece = bytes(250_000)
    async with socketless(configuration(), tmp_path, monkeypatch) as ends:
        await works(ends)
        ends.ask(request(token(), body=2 * len(piece)))
        ends.client.data_received(piece)
        ends.client.data_received(piece)
        assert [data is piece for data in ends.to_upstream.written] == [False, True, True]
        ends.upstream.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * len(piece)))
        ends.upstream.data_received(piece)
        ends.upstream.data_received(piece)
        assert [data is piece for data in ends.to_client.written] == [False, True, True]
