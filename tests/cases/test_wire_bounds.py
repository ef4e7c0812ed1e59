"""The resource rows of the shared attacks, on a socket: each bound has its answer, and the gateway goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cases.messages import chunked, get, post
from tests.support.wire import OPEN, wire

if TYPE_CHECKING:
    from pathlib import Path


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


async def test_a_thousand_refused_in_a_row_do_not_exhaust_the_stack(tmp_path: Path) -> None:
    async with wire(tmp_path, server={"bounds": {"pipelined": 1000, "header_bytes": "64KiB"}}, routes=[
        {**OPEN[0], "match": {"path": "/open"}},
    ]) as gate:  # fmt: skip
        heard = await gate.play(get(start=b"GET /open HTTP/1.1") + get() * 900)
        assert heard.statuses == [200] + [404] * 900
