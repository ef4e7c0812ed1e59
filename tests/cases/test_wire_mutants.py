"""Valid requests with something wrong or odd about them, by the thousand, judged by what reached the upstream.

A mutant is refused, and then the upstream never hears of it; or it arrives, and then as requests which h11 reads in the
same places with the same bodies. In 6,400 of them one disagreement was found, argued in `second_opinion`: an empty line
before a request, which h11 refuses. What the gateway refuses, h11 may take: it reads bare LF, folded lines and more.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.wire import content, second_opinion, wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.wire import Heard, Wire

MUTANTS: Final = 400
"""For each seed."""

VALID: Final = [
    b"GET /a?b=c HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nUser-Agent: x/1\r\n\r\n",
    b"HEAD /a HTTP/1.1\r\nHost: h:80\r\n\r\n",
    b"POST /a/b HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello world",
    b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n4;x=y\r\n you\r\n0\r\nX: y\r\n\r\n",
    b"GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
    b"GET http://h/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    b"OPTIONS /%41/../b HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4\r\nCookie: a=b\r\n\r\n",
]
FOLLOWING: Final = b"GET /following HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
ODDITIES: Final = [
    b"\x00", b"\t", b"\n", b"\r", b"\r\n", b"\r\n\r\n", b" ", b"\x0b", b"\x7f", b"\x80", b"\xff", b":", b";", b",",
    b"0", b"1", b"-", b"+", b"_", b"%", b"%00", b"%2e", b"/", b"//", b"\\", b"?", b"#", b"*", b"@", b'"', b"chunked",
    b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: other\r\n", b"Content-Length: 0\r\n",
    b" folded\r\n", b"X: y\r\n", b"HTTP/1.1", b"GET /admin HTTP/1.1\r\nHost: h\r\n\r\n", b"0\r\n\r\n",
    b"X_User_Id: admin\r\n", b"Connection: close, X-User-Id\r\n",
]  # fmt: skip


def mutant(chance: random.Random) -> bytes:
    """Return a valid request changed in one to three places, by insertion, deletion, repetition, exchange or a flip."""
    raw = bytearray(chance.choice(VALID))
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        at = chance.randrange(len(raw))
        until = min(len(raw), at + chance.choice((1, 1, 2, 5, 20)))
        match chance.randrange(6):
            case 0 | 1:
                raw[at:at] = chance.choice(ODDITIES)
            case 2:
                del raw[at:until]
            case 3:
                raw[at:at] = raw[at:until]
            case 4:
                raw[at] ^= 1 << chance.randrange(8)
            case _:
                raw[at:until] = chance.choice(ODDITIES)
        raw = raw or bytearray(b"\r\n")
    return bytes(raw)


def verdict(raw: bytes, heard: Heard) -> str:
    """Return what is wrong with what became of `raw`, or an empty string."""
    arrived = heard.arrived
    for received in arrived:
        forwarded, refused = second_opinion(received.head.raw + received.body)
        if refused or len(forwarded) != 1:
            return "what arrived is not one well-formed request"
        if len(received.values("Host")) != 1 or received.values("X-User-Id"):
            return "what arrived has no Host, or several, or an identity"
    finals = [status for status in heard.statuses if status != 100]
    if not set(finals) <= {200, 400, 408, 413, 414, 431}:
        return f"statuses {finals}"
    if finals.count(200) != len(arrived):
        return "a request arrived whose answer did not, or the other way round"
    if any(status != 200 for status in finals[:-1]):
        return "a refusal that did not end the connection"
    if not arrived:
        return ""
    theirs, refused = second_opinion(raw)
    ours = [(received.method.encode(), content(received)) for received in arrived]
    if [(reading.method, reading.body) for reading in theirs[: len(ours)]] != ours:
        return "h11 refuses it" if refused else "h11 reads it otherwise"
    return ""


async def judged(gate: Wire, raw: bytes, chance: random.Random) -> str:
    sent = raw + FOLLOWING
    cut = chance.randrange(1, len(sent))
    heard = await gate.play(*((sent,) if chance.random() < 0.5 else (sent[:cut], sent[cut:])))
    return verdict(sent, heard)


@pytest.mark.parametrize("seed", range(4))
async def test_mutants(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    wrong: list[tuple[str, bytes]] = []
    async with wire(tmp_path) as gate:
        gate.upstream.default = lambda conversation: conversation.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (conversation.request.method != "HEAD")
            + b"k" * (conversation.request.method != "HEAD")
        )
        for _ in range(MUTANTS):
            raw = mutant(chance)
            found = await judged(gate, raw, chance)
            if found:
                wrong.append((found, raw))
        assert gate.running.metrics.bugs("proxy").value == 0
    assert wrong == []
