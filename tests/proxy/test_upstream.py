"""Connections to a target: strict reading, reuse only where nothing is in doubt, and deadlines."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ostiary.proxy.upstream import UpstreamConnection
from tests.support.http1 import request
from tests.support.recording import OK
from tests.support.wire import listening, wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.recording import Conversation
    from tests.support.wire import Wire

GET = request("GET", "/")


def upstream_connection(gate: Wire) -> UpstreamConnection:
    """Return the gateway's side of the only connection to the target."""
    (found,) = [one for one in gate.running.gateway._deadlines._watched if isinstance(one, UpstreamConnection)]
    return found


BAD = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: a\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    b"HTTP/1.1 200 OK\r\nX: \x00\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    b"HTTP/1.1 600 No\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"hello\r\n\r\n",
    b"X: " + b"a" * 100_000,
    b"\x00",
]


@pytest.mark.parametrize("answer", BAD)
async def test_f12_and_fu5_what_cannot_be_read_is_502_and_the_connection_discarded(gate: Wire, answer: bytes) -> None:
    gate.upstream.answer(answer)
    async with gate.connect() as client:
        refused = await client.ask("GET", "/")
        assert (refused.status, refused.json["error"]) == (502, "upstream_error")
        assert (await client.ask("GET", "/")).body == b"ok"
    assert gate.upstream.connections == 2


@pytest.mark.parametrize(
    "chunks", [b"2\nok\r\n0\r\n\r\n", b"2\r\nokX\r\n", b"0x2\r\nok\r\n", b"2\r\nok\r\n0\r\nX : y\r\n\r\n"]
)
async def test_chunks_that_cannot_be_read_end_in_no_terminator(gate: Wire, chunks: bytes) -> None:
    gate.upstream.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    heard = await gate.play(GET)
    assert b"\r\n0\r\n\r\n" not in heard.raw
    assert (await gate.play(GET)).statuses == [200]
    assert gate.upstream.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"x",
        OK + OK,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + OK,
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 204 No Content\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
async def test_f13_connections_in_doubt_are_not_reused(gate: Wire, answer: bytes) -> None:
    gate.upstream.answer(answer)
    async with gate.connect() as client:
        await client.send(GET)
        await client.answer()
        await gate.settle()
        assert (await client.ask("GET", "/")).body == b"ok"
    assert [received.connection for received in gate.upstream.requests] == [0, 1]


async def test_f13_octets_that_come_later_are_nobodys_answer(gate: Wire) -> None:
    async def late(conversation: Conversation) -> None:
        await conversation.send(OK)
        await gate.settle()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")

    gate.upstream.answer(late)
    async with gate.connect() as client:
        assert (await client.ask("GET", "/")).body == b"ok"
        await gate.settle()
        await gate.settle()
        assert (await client.ask("GET", "/")).body == b"ok"
    assert gate.upstream.connections == 2


async def test_an_upstream_that_speaks_first(tmp_path: Path) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        await reader.read()

    async with listening(greet) as target, wire(tmp_path, upstream={"targets": [target]}) as gate:
        heard = await gate.play(GET)
        assert heard.statuses in ([200], [502])
        assert (await gate.play(GET)).statuses in ([200], [502])


@pytest.mark.parametrize("method,seen", [("GET", 2), ("HEAD", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1)])
async def test_fu3_the_race_with_the_end_of_an_idle_connection(gate: Wire, method: str, seen: int) -> None:
    """What may be repeated is, once and on another connection; what may not is answered with 502."""
    async with gate.connect() as client:
        assert (await client.ask("GET", "/first")).status == 200
        gate.upstream.answer(close)
        status = (await client.ask(method, "/second")).status
    assert status == (200 if seen == 2 else 502)
    targets = [(received.target, received.connection) for received in gate.upstream.requests]
    assert targets == [("/first", 0), ("/second", 0), ("/second", 1)][: seen + 1]


async def test_fu3_it_is_repeated_once_only(gate: Wire) -> None:
    async with gate.connect() as client:
        await client.ask("GET", "/first")
        gate.upstream.answer(close, close)
        assert (await client.ask("GET", "/second")).status == 502
    assert len(gate.upstream.requests) == 3


async def test_fu3_a_put_with_a_body_is_not_repeated(gate: Wire) -> None:
    async with gate.connect() as client:
        await client.ask("GET", "/first")
        gate.upstream.answer(close)
        assert (await client.ask("PUT", "/second", body=b"x")).status == 502
    assert len(gate.upstream.requests) == 2


async def close(conversation: Conversation) -> None:
    conversation.close()


async def test_an_answer_that_has_begun_is_not_asked_for_again(gate: Wire) -> None:
    async def begin(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200")
        await gate.settle()
        conversation.close()

    async with gate.connect() as client:
        await client.ask("GET", "/first")
        gate.upstream.answer(begin)
        assert (await client.ask("GET", "/second")).status == 502
    assert len(gate.upstream.requests) == 2


async def silence(conversation: Conversation) -> None:
    await conversation.reader.read()


async def test_fu1_no_first_byte_is_504(gate: Wire) -> None:
    gate.upstream.answer(silence)
    async with gate.connect() as client:
        await client.send(GET)
        await gate.settle()
        gate.pass_time(29.0)
        await gate.settle()
        gate.pass_time(2.0)
        answer = await client.answer()
        assert (answer.status, answer.json["error"]) == (504, "upstream_timeout")
        assert (await client.ask("GET", "/")).status == 200
    assert gate.running.metrics.upstream("api").timeouts.value == 1


async def test_a_head_gains_no_time_by_coming_in_pieces(gate: Wire) -> None:
    async def drip(conversation: Conversation) -> None:
        for octet in b"HTTP/1.1 200 OK":
            await conversation.send(bytes((octet,)))
            await gate.settle()
            gate.pass_time(5.0)
        await silence(conversation)

    gate.upstream.answer(drip)
    async with gate.connect() as client:
        assert (await client.ask("GET", "/")).status == 504


async def test_fu4_a_body_that_stalls_ends_the_connection(gate: Wire) -> None:
    async def stall(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
        await silence(conversation)

    gate.upstream.answer(stall)
    async with gate.connect() as client:
        await client.send(GET)
        await client.reader.readuntil(b"some")
        gate.pass_time(31.0)
        assert await client.ended()
    await gate.settle()
    assert gate.upstream.open == 0


async def test_idle_connections_are_let_go(gate: Wire) -> None:
    async with gate.connect() as client:
        await client.ask("GET", "/")
        gate.pass_time(61.0)
        await gate.settle()
        assert gate.upstream.open == 0
        assert gate.running.metrics.upstream("api").connections.value == 0
        assert (await client.ask("GET", "/")).status == 200


async def test_a_client_that_is_full_leaves_a_good_connection_behind(gate: Wire) -> None:
    """The last piece of an answer fills the client; whoever gets the upstream's connection next is served by it."""
    size = 150_000
    gate.upstream.default = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
    async with gate.connect() as slow, gate.connect() as other:
        slow.reader._transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's own, without an equal in its interface
        for _ in range(60):
            await slow.send(GET)
            await gate.settle()
            assert len((await other.ask("GET", "/")).body) == size


async def test_a_target_that_was_full_has_its_time_to_answer_and_no_more(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await go_on.wait()
        while await reader.read(1 << 20):
            pass

    async with (
        listening(silent) as url,
        wire(tmp_path, upstream={"targets": [url]}) as slow,
        slow.connect() as client,
    ):
        sending = asyncio.ensure_future(client.send(request("POST", "/", body=bytes(9_000_000))))
        await slow.settle()
        (connection,) = slow.running.gateway.door._clients
        upstream = upstream_connection(slow)
        assert connection.held
        go_on.set()
        await sending
        async with asyncio.timeout(10):
            while upstream._full or connection.receiving:  # noqa: ASYNC110  # nothing tells when it has been taken
                await asyncio.sleep(0.01)
        slow.pass_time(31.0)
        assert (await client.answer()).status == 504


@pytest.mark.parametrize("answer", [OK, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"])
async def test_what_a_target_has_not_read_keeps_nobody_waiting(gate: Wire, answer: bytes) -> None:
    """It answered while much of the body was still to be taken: what comes next goes by another connection."""

    async def hasty(conversation: Conversation) -> None:
        upstream_connection(gate).pause_writing()
        await conversation.send(answer)

    gate.upstream.answer(hasty)
    async with gate.connect() as client:
        for _ in range(2):
            assert (await client.ask("POST", "/", body=b"hello")).body == b"ok"
        assert gate.upstream.connections == 2
        await client.send(2 * request("POST", "/", body=b"hello"))
        assert [(await client.answer()).body for _ in range(2)] == [b"ok", b"ok"]


async def test_a_client_that_was_held_back_is_read_again_for_its_next_request(gate: Wire) -> None:
    async def hasty(conversation: Conversation) -> None:
        upstream_connection(gate).pause_writing()
        await conversation.send(OK)

    gate.upstream.answer(hasty, OK, hasty)
    async with gate.connect() as client:
        await client.send(2 * request("POST", "/", body=b"hello"))
        assert [(await client.answer()).body for _ in range(2)] == [b"ok", b"ok"]
        for _ in range(2):
            assert (await client.ask("POST", "/", body=b"hello")).body == b"ok"


async def test_a_head_of_an_answer_that_comes_octet_by_octet_is_read_once(
    gate: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    responses = gate.running.gateway.door.responses
    read, sizes = responses.read, []

    def counted(data: bytes, method: str, longest: int) -> object:
        sizes.append(len(data))
        return read(data, method, longest)

    async def drip(conversation: Conversation) -> None:
        for octet in OK:
            await conversation.send(bytes((octet,)))
            await gate.settle()

    monkeypatch.setattr(responses, "read", counted)
    gate.upstream.answer(drip)
    async with gate.connect() as client:
        assert (await client.ask("GET", "/")).body == b"ok"
    assert sizes == [1, len(OK) - 2]


async def test_a_connection_whose_end_was_heard_is_given_to_nobody(gate: Wire) -> None:
    async with gate.connect() as client:
        await client.ask("GET", "/")
        (idle,) = gate.running.gateway._pools["api"]._targets[0].idle
        idle.eof_received()
        assert (await client.ask("POST", "/")).status == 200
    assert gate.upstream.connections == 2
