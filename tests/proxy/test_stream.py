"""How a client's connection is written to, held and ended; how fast it must take: tests/cases/test_answer_rate.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostiary.proxy.stream import Hold
from tests.support.http1 import request
from tests.support.readers import LARGE, SIZE
from tests.support.wire import OPEN, wire

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from ostiary.proxy.client import ClientConnection
    from tests.support.wire import Wire


async def stream_of(gate: Wire) -> ClientConnection:
    await gate.settle()
    (stream,) = gate.running.gateway.door._clients
    return stream


async def test_what_was_put_goes_out_together_and_in_order(gate: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    async with gate.connect():
        stream = await stream_of(gate)
        with monkeypatch.context() as watched:
            watched.setattr(stream, "_transport", type("Written", (), {"write": written.append}))
            stream.flush()
            stream.put(b"a")
            stream.put(b"b")
            assert written == []
            stream.flush()
            stream.write(b"c")
            stream.put(b"d")
            stream.flush()
        assert written == [b"ab", b"c", b"d"]


async def test_nothing_is_read_for_as_long_as_there_is_a_reason(gate: Wire) -> None:
    async with gate.connect() as client:
        stream = await stream_of(gate)
        stream._hold(Hold.BODY)
        stream._hold(Hold.ANSWERS)
        await client.send(request("GET", "/"))
        stream._release(Hold.BODY)
        await gate.settle()
        assert (stream.held, gate.upstream.requests) == (True, [])
        stream._release(Hold.ANSWERS)
        assert (await client.answer()).status == 200
        assert not stream.held


async def test_the_last_answer_arrives_whole(gate: Wire) -> None:
    gate.upstream.answer(LARGE)
    async with gate.connect() as client:
        assert len((await client.ask("GET", "/", headers={"Connection": "close"})).body) == SIZE
        assert await client.ended()


async def test_nothing_is_sent_after_the_end(gate: Wire) -> None:
    async with gate.connect() as client:
        stream = await stream_of(gate)
        stream.abort()
        stream.write(b"late")
        stream.put(b"later")
        stream.flush()
        assert await client.ended()


async def test_the_rest_of_a_refused_upload_is_dropped_for_a_while_only(tmp_path: Path) -> None:
    async with wire(tmp_path, routes=[{**OPEN[0], "anonymous": False}]) as gate, gate.connect() as client:
        await client.send(request("POST", "/", headers={"Content-Length": "1000000"}))
        answer = await client.answer()
        assert (answer.status, answer.value("Connection")) == (401, "close")
        await client.send(bytes(1000))
        await gate.settle()
        assert gate.running.metrics.client_connections.value == 1
        gate.pass_time(3.0)
        await gate.settle()
        assert gate.running.metrics.client_connections.value == 0
