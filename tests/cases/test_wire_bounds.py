"""The resource rows of the shared attacks, on a socket: each bound has its answer, and the gateway goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cases.messages import chunked, get, post
from tests.support.tokens import key
from tests.support.wire import OPEN, wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.support.recording import Conversation


@pytest.mark.parametrize(
    "raw,status",
    [
        (get(b"Authorization: Bearer " + b"." * 1_000_000), 431),
        (get(b"X: " + b"a" * 20_000), 431),
        (get(*[b"X: y"] * 200), 431),
        (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 100_000, 431),
        (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414),
        (b"GET /" + b"a" * 100_000, 414),
        (b"A" * 100_000, 414),
        (post(b"Content-Length: 99999999"), 413),
        (chunked(b"100000\r\n" + b"a" * 0x100000 + b"\r\n" * 1 + b"100000\r\n" + b"a" * 0x100000), 413),
        (chunked(b"1\r\na\r\n" * 100_000), 400),
        (chunked(b"1;" + b"x" * 64_000 + b"\r\na\r\n"), 400),
        (chunked(b"0\r\n" + b"X: y\r\n" * 10_000), 400),
    ],
    ids=["D1", "value", "count", "D2", "target", "target without end", "method without end", "length", "body",
    "D6 chunks",
         "D6 extension", "F9 trailers"],
)  # fmt: skip
async def test_bounds(tmp_path: Path, raw: bytes, status: int) -> None:
    async with wire(tmp_path, server={"bounds": {"body_bytes": "1MiB"}}) as gate:
        heard = await gate.play(raw)
        assert heard.statuses == [status]
        assert heard.arrived == []
        assert b"Connection: close" in heard.raw
        assert (await gate.play(get())).statuses == [200]


async def test_too_many_pipelined(tmp_path: Path) -> None:
    """Those within the bound are answered, then it ends."""
    async with wire(tmp_path, server={"bounds": {"pipelined": 3}}) as gate:
        heard = await gate.play(get() * 10)
        assert heard.statuses == [200] * 4 + [400]
        assert len(heard.arrived) == 4


@pytest.mark.parametrize(
    "bounds, good, bad, kind",
    [
        ({"pipelined": 2}, get() * 3, get() * 4, "pipelined"),
        ({"chunk_line_bytes": 64}, chunked(b"1;%b\r\na\r\n0\r\n\r\n" % (b"x" * 60)),
         chunked(b"1;%b\r\na\r\n0\r\n\r\n" % (b"x" * 70)), "chunk_line"),
        ({"trailer_bytes": 100}, chunked(b"0\r\nX: %b\r\n\r\n" % (b"y" * 90)),
         chunked(b"0\r\nX: %b\r\n\r\n" % (b"y" * 99)), "trailer"),
        ({}, chunked(b"1\r\na\r\n" * 100 + b"0\r\n\r\n"), chunked(b"1\r\na\r\n" * 80_000), "chunk_overhead"),
    ],
)  # fmt: skip
async def test_bounds_that_no_reason_names_are_counted(
    tmp_path: Path, bounds: dict[str, int], good: bytes, bad: bytes, kind: str
) -> None:
    async with wire(tmp_path, server={"bounds": bounds}) as gate:
        assert set((await gate.play(good)).statuses) == {200}
        assert (await gate.play(bad)).statuses[-1] == 400
        counted = gate.running.metrics.snapshot().values["ostiary_client_requests_cut_total"]
        assert {of: count for (of,), count in counted.items() if count} == {kind: 1}


async def test_a_longer_token_is_refused(tmp_path: Path) -> None:
    token = key().token()
    server = {"bounds": {"token_bytes": len(token)}}
    async with (
        wire(tmp_path, server=server, routes=[{**OPEN[0], "anonymous": False}]) as gate,
        gate.connect() as client,
    ):
        assert (await client.ask("GET", "/", token=token)).status == 200
        refused = await client.ask("GET", "/", token=key().token(more="x"))
        assert (refused.status, refused.json["error"]) == (401, "invalid_token")
        assert refused.json["detail"] == "The token is too long."


async def test_a_longer_head_of_an_answer_is_502(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: %b\r\n\r\n"
    async with wire(tmp_path, upstream={"header_bytes": "2KiB"}) as gate, gate.connect() as client:
        for size, status in ((1900, 200), (2100, 502)):
            whole = head % (b"y" * size)
            gate.upstream.answer(whole, in_halves(whole))
            for _ in range(2):
                assert (await client.ask("GET", "/")).status == status


def in_halves(raw: bytes) -> Callable[[Conversation], Awaitable[None]]:
    async def reply(conversation: Conversation) -> None:
        await conversation.send(raw[:-2])
        await conversation.send(raw[-2:])

    return reply


async def test_a_thousand_refused_in_a_row_do_not_exhaust_the_stack(tmp_path: Path) -> None:
    async with wire(tmp_path, server={"bounds": {"pipelined": 1000, "header_bytes": "64KiB"}}, routes=[
        {**OPEN[0], "match": {"path": "/open"}},
    ]) as gate:  # fmt: skip
        heard = await gate.play(get(start=b"GET /open HTTP/1.1") + get() * 900)
        assert heard.statuses == [200] + [404] * 900
