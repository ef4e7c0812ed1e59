"""A header that is awaited: read in whatever pieces it comes, to its last octet, and no further."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from ostiary.http.proxy_protocol import BadHeader, Header, read_header
from ostiary.proxy import introduction
from ostiary.proxy.introduction import ABANDONED, TIMEOUT, Introduction
from tests.support.proxy_headers import LOCAL, binary, line, raw, record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ostiary.proxy.introduction import Outcome

HEADERS = {
    "version 1": (line("192.0.2.7"), "192.0.2.7"),
    "version 1, unknown": (b"PROXY UNKNOWN\r\n", None),
    "version 2": (binary("2001:db8::7", record(4, bytes(50)), checked=True), "2001:db8::7"),
    "version 2, local": (raw(LOCAL, 0, b""), None),
}
REST = b"\x16\x03\x01 or GET / HTTP/1.1\r\n\r\n"


class Ends:
    """A connection: what a peer sends at `far`, is read at `near`."""

    def __init__(self, most: int = 4096) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.outcomes: list[Outcome] = []
        self.introduction = Introduction(self.near, "192.0.2.1", most, 5.0, self._over)

    def _over(self, _: Introduction, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    async def comes(self, piece: bytes) -> None:
        self.far.sendall(piece)
        await turns()

    def left(self) -> bytes:
        """What is still there to be read, once the header is."""
        return self.near.recv(4096)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
async def ends() -> AsyncIterator[list[Ends]]:
    made: list[Ends] = []
    yield made
    for each in made:
        each.near.close()
        each.far.close()


@pytest.fixture
async def pair(ends: list[Ends]) -> Ends:
    ends.append(Ends())
    return ends[0]


@pytest.mark.parametrize("name", HEADERS)
async def test_nothing_behind_the_header_is_touched(pair: Ends, name: str) -> None:
    header, address = HEADERS[name]
    await pair.comes(header + REST)
    assert pair.outcomes == [Header(len(header), address)]
    assert pair.left() == REST


@pytest.mark.parametrize("name", HEADERS)
async def test_octet_by_octet(pair: Ends, name: str) -> None:
    header, address = HEADERS[name]
    for at in range(len(header)):
        assert pair.outcomes == []
        await pair.comes(header[at : at + 1])
    assert pair.outcomes == [Header(len(header), address)]
    await pair.comes(REST)
    assert pair.left() == REST


@pytest.mark.parametrize("name", HEADERS)
async def test_cut_anywhere(ends: list[Ends], name: str) -> None:
    header, address = HEADERS[name]
    for at in range(1, len(header)):
        ends.append(Ends())
        await ends[-1].comes(header[:at])
        await ends[-1].comes(header[at:] + REST)
        assert ends[-1].outcomes == [Header(len(header), address)]
        assert ends[-1].left() == REST


async def test_waiting_costs_nothing(pair: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has come is taken: were it only looked at, it would be told of again in each turn of the loop."""
    looks: list[bytes] = []

    def look(data: bytes, most: int) -> Header | BadHeader | None:
        looks.append(data)
        return read_header(data, most)

    monkeypatch.setattr(introduction, "read_header", look)
    header, _ = HEADERS["version 2"]
    await pair.comes(header[:10])
    await turns(200)
    await pair.comes(header[10:40])
    await turns(200)
    assert looks == [header[:10], header[:40]]


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", line("192.0.2.7")[:-1] + b" "])
async def test_what_is_no_header_is_told_at_once(pair: Ends, octets: bytes) -> None:
    await pair.comes(octets)
    (outcome,) = pair.outcomes
    assert isinstance(outcome, BadHeader)


async def test_the_bound_holds(ends: list[Ends]) -> None:
    ends.append(Ends(most=536))
    await ends[0].comes(binary("192.0.2.7", record(4, bytes(600))))
    (outcome,) = ends[0].outcomes
    assert isinstance(outcome, BadHeader)


@pytest.mark.parametrize("sent", [b"", b"PROXY "])
async def test_a_peer_that_leaves(pair: Ends, sent: bytes) -> None:
    await pair.comes(sent)
    pair.far.close()
    await turns()
    assert pair.outcomes == [ABANDONED]


async def test_a_peer_that_resets(pair: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    def reset(_: Introduction) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(Introduction, "_read", reset)
    await pair.comes(b"P")
    assert pair.outcomes == [ABANDONED]


async def test_a_call_for_nothing(pair: Ends) -> None:
    pair.introduction._readable()
    assert pair.outcomes == []


async def test_a_peer_that_is_too_slow(pair: Ends) -> None:
    await pair.comes(b"PROXY ")
    assert pair.introduction.deadline == 5.0
    pair.introduction.expired(5.1)
    await pair.comes(b"UNKNOWN\r\n")
    assert pair.outcomes == [TIMEOUT]


async def test_a_bug_ends_it(pair: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(introduction, "read_header", broken)
    await pair.comes(b"PROXY ")
    await turns(50)
    (outcome,) = pair.outcomes
    assert isinstance(outcome, ZeroDivisionError)


async def test_once_stopped_it_tells_nothing(pair: Ends) -> None:
    pair.introduction.stop()
    await pair.comes(line("192.0.2.7"))
    assert pair.outcomes == []
