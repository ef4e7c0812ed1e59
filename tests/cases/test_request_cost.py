"""What an ordinary request costs, in bytecodes: a figure that no noisy machine can blur.

The figures are those of CPython 3.11 with some room. Whoever needs more of it on every request says here why.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import ostiary
from tests.support.documents import document
from tests.support.gateway import running_gateway
from tests.support.http1 import connect
from tests.support.recording import recording_upstream
from tests.support.tokens import key

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from _typeshed import TraceFunction

    from tests.support.documents import Document

_SOURCES: Final = str(Path(ostiary.__file__).parent)
_BY_TIMER: Final = ("deadlines.py", "writer.py")
"""Files whose code runs by the clock, however many requests there are."""
_REQUESTS: Final = 20
_BUCKET: Final = {"rate": "100000/s", "burst": 100000}


def configuration(upstream: str, routes: int = 1) -> Document:
    """Return a gateway that authenticates, authorises and limits on each of so many routes."""
    return document(
        upstream,
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


class Meter:
    """Counts the bytecodes that the gateway executes while it is installed."""

    def __init__(self) -> None:
        self.executed: Counter[CodeType] = Counter()
        self.calls = 0

    def trace(self, frame: FrameType, event: str, _argument: object) -> TraceFunction | None:
        """See `sys.settrace`."""
        name = frame.f_code.co_filename
        if not name.startswith(_SOURCES) or name.endswith(_BY_TIMER):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            self.executed[frame.f_code] += 1
        elif event == "call":
            self.calls += 1
        return self.trace


async def cost(folder: Path, routes: int = 1) -> tuple[float, float]:
    """Return the bytecodes and the calls of one request whose token was seen before."""
    async with (
        recording_upstream() as upstream,
        running_gateway(configuration(upstream.url, routes), folder) as running,
        connect(running.port) as client,
    ):
        request = (
            f"GET /api/{routes - 1}/orders HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: test/1\r\nAccept: */*\r\n"
            f"Authorization: Bearer {key('RS256').token(scope='read')}\r\n\r\n"
        ).encode()
        meter = Meter()
        for number in range(2 * _REQUESTS):
            if number == _REQUESTS:
                sys.settrace(meter.trace)
            try:
                await client.send(request)
                assert (await client.answer()).status == 200
            except BaseException:
                sys.settrace(None)
                raise
        sys.settrace(None)
    return sum(meter.executed.values()) / _REQUESTS, meter.calls / _REQUESTS


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="bytecodes differ from version to version")
async def test_an_ordinary_request_stays_cheap(tmp_path: Path) -> None:
    bytecodes, calls = await cost(tmp_path)
    assert bytecodes < 2100
    assert calls < 52


async def test_ten_thousand_routes_cost_a_request_nothing(tmp_path: Path) -> None:
    few, _ = await cost(tmp_path, 10)
    many, _ = await cost(tmp_path, 10_000)
    assert many <= few * 1.01
