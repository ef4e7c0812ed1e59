"""Requests and responses on their way through: every framing, both ways, early ends and late ones."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import pytest

from ostiary.decision.decision import Refused
from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import NO_ROUTE
from tests.support.http1 import read_chunks, read_head, request
from tests.support.tokens import key
from tests.support.wire import OPEN, content, listening, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from tests.support.recording import Conversation
    from tests.support.wire import Wire

GET = request("GET", "/")
CHUNKED = {"Transfer-Encoding": "chunked"}


@pytest.mark.parametrize("size", [0, 1, 1000, 300_000, 2_000_000])
async def test_bodies_with_a_length(gate: Wire, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    gate.upstream.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (size, body))
    async with gate.connect() as client:
        answer = await client.ask("POST", "/", body=body)
        assert (answer.status, answer.body) == (200, body)
        assert (await client.ask("GET", "/again")).status == 200
    assert gate.upstream.requests[0].body == body
    assert gate.upstream.connections == 1


async def test_chunked_bodies_both_ways(gate: Wire) -> None:
    """Each piece goes on as it comes; extensions and trailers stay behind."""
    reached = asyncio.Event()

    async def reply(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n")
        await reached.wait()
        await conversation.send(b"6\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n")

    gate.upstream.answer(reply)
    async with gate.connect() as client:
        await client.send(request("POST", "/", headers=CHUNKED) + b"3;a=b\r\none\r\n")
        await gate.settle()
        await client.send(b"3\r\ntwo\r\n0\r\nX-User-Id: admin\r\n\r\n")
        head = await read_head(client.reader)
        assert await client.reader.readexactly(10) == b"5\r\nhello\r\n"
        reached.set()
        raw, body = await read_chunks(client.reader)
        assert body == b" world"
        assert b"X-Trailer" not in raw
        assert head.chunked
        assert head.values("Content-Length") == []
        assert (await client.ask("GET", "/")).status == 200
    received = gate.upstream.requests[0]
    assert content(received) == b"onetwo"
    assert b"admin" not in received.body
    assert gate.upstream.connections == 1


async def test_expect_continue(gate: Wire) -> None:
    async with gate.connect() as client:
        await client.send(request("POST", "/", headers={"Expect": "100-continue", "Content-Length": "5"}))
        assert (await client.answer()).status == 100
        await client.send(b"hello")
        assert (await client.answer()).status == 200
    (received,) = gate.upstream.requests
    assert received.body == b"hello"
    assert received.values("Expect") == []


async def test_who_is_refused_is_not_asked_to_continue(tmp_path: Path) -> None:
    async with wire(tmp_path, routes=[{**OPEN[0], "anonymous": False}]) as gate:
        heard = await gate.play(request("POST", "/", headers={"Expect": "100-continue", "Content-Length": "5"}))
    assert heard.statuses == [401]
    assert b"Connection: close" in heard.raw


@pytest.mark.parametrize(
    "method,head,length",
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", ["5000"]),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", []),
        ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n", []),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", []),
        ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", []),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\nETag: x\r\n\r\n", ["5000"]),
        ("DELETE", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ["0"]),
    ],
)
async def test_answers_without_a_body(gate: Wire, method: str, head: bytes, length: list[str]) -> None:
    gate.upstream.answer(head)
    async with gate.connect() as client:
        await client.send(request(method, "/"))
        answer = await client.answer(head_only=True)
        assert answer.head.values("Content-Length") == length
        assert not answer.head.chunked
        assert (await client.ask("GET", "/")).body == b"ok"
    assert gate.upstream.connections == 1


HINTED: Final = (
    b"HTTP/1.1 100 Continue\r\n\r\n"
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\nX-User-Id: u\r\nConnection: X-Y\r\nX-Y: z\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
)


@pytest.mark.parametrize("together", [True, False])
async def test_interim_answers_are_passed_on_but_for_100(gate: Wire, *, together: bool) -> None:
    async def piecemeal(conversation: Conversation) -> None:
        for octet in HINTED:
            await conversation.send(bytes((octet,)))

    gate.upstream.answer(HINTED if together else piecemeal)
    async with gate.connect() as client:
        hints = await client.ask("GET", "/")
        assert hints.head.raw == b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        answer = await client.answer()
        assert (answer.status, answer.value("Link")) == (200, None)


async def test_http_1_0_knows_no_interim_answers(gate: Wire) -> None:
    gate.upstream.answer(HINTED)
    async with gate.connect() as client:
        await client.send(b"GET / HTTP/1.0\r\nHost: h\r\n\r\n")
        assert (await client.answer()).status == 200


async def test_every_answer_has_a_date(gate: Wire) -> None:
    own = b"Date: Mon, 23 Nov 2026 02:04:31 GMT\r\n"
    gate.upstream.answer(*(b"HTTP/1.1 200 OK\r\n%bContent-Length: 0\r\n\r\n" % date for date in (own, b"", b"")))
    async with gate.connect() as client:
        assert (await client.ask("GET", "/")).head.raw.count(own) == 1
        for _ in range(2):
            dated = parsedate_to_datetime((await client.ask("GET", "/")).value("Date") or "")
            assert abs(dated.timestamp() - time.time()) < 60
        refused = await client.ask("GET", "/;")
        assert (refused.value("Date") or "").endswith(" GMT")


async def test_interim_answers_are_counted_for_each_request(gate: Wire) -> None:
    one = b"HTTP/1.1 100 Continue\r\n\r\n"
    gate.upstream.default = one * 5 + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with gate.connect() as client:
        for _ in range(5):
            assert (await client.ask("GET", "/")).status == 200
        gate.upstream.default = one * 9 + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        assert (await client.ask("GET", "/")).status == 502


@pytest.mark.parametrize("together", [True, False])
async def test_a_body_that_ends_with_the_connection(gate: Wire, *, together: bool) -> None:
    """To HTTP/1.1 it becomes chunks, to HTTP/1.0 it ends with the connection, too."""

    async def reply(conversation: Conversation) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
        if together:
            await conversation.send(head + b"some")
        else:
            await conversation.send(head)
            await gate.settle()
            await conversation.send(b"some")
        await gate.settle()
        await conversation.send(b" text")
        conversation.close()

    gate.upstream.answer(reply, reply)
    async with gate.connect() as client:
        answer = await client.ask("GET", "/")
        assert (answer.status, answer.body) == (200, b"some text")
        assert answer.head.chunked
        await client.send(b"GET / HTTP/1.0\r\nHost: h\r\n\r\n")
        answer = await client.answer()
        assert (answer.head.chunked, answer.value("Content-Length"), answer.body) == (False, None, b"some text")
        assert await client.ended()


async def test_an_empty_body_that_ends_with_the_connection(gate: Wire) -> None:
    async def reply(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\n\r\n")
        conversation.close()

    gate.upstream.answer(reply)
    async with gate.connect() as client:
        assert (await client.ask("GET", "/")).body == b""
        assert (await client.ask("GET", "/")).body == b"ok"


async def test_http_1_0(gate: Wire) -> None:
    gate.upstream.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
    async with gate.connect() as client:
        await client.send(b"POST /old HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold")
        answer = await client.answer()
        assert (answer.head.chunked, answer.body, answer.value("Connection")) == (False, b"hi", "close")
        assert await client.ended()
    assert gate.upstream.requests[0].head.start == "POST /old HTTP/1.1"
    assert gate.upstream.requests[0].body == b"old"


def early(answer: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]:
    """Return a handler for a connection that answers as soon as the head is there."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(answer)
        await reader.read()
        writer.close()

    return converse


async def test_an_answer_before_the_body_is_sent(tmp_path: Path) -> None:
    """It goes on to the client at once and is the last of the connection; the rest of the body is dropped."""
    async with (
        listening(early(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")) as target,
        wire(tmp_path, upstream={"targets": [target]}) as gate,
        gate.connect() as client,
    ):
        await client.send(request("POST", "/", headers={"Content-Length": "1000000"}) + b"x" * 1000)
        answer = await client.answer()
        assert (answer.status, answer.body, answer.value("Connection")) == (413, b"big", "close")
        await client.send(b"x" * 100_000)
        assert await client.ended()


async def test_a_body_that_grows_too_large_gets_no_second_answer(tmp_path: Path) -> None:
    async with (
        listening(early(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")) as target,
        wire(tmp_path, server={"bounds": {"body_bytes": 1000}}, upstream={"targets": [target]}) as gate,
        gate.connect() as client,
    ):
        await client.send(request("POST", "/", headers=CHUNKED) + b"3\r\none\r\n")
        head = await read_head(client.reader)
        await client.send(b"800\r\n" + b"x" * 0x800 + b"\r\n")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)) as end:
            await client.reader.readexactly(1000)
        assert head.values("Content-Length") == ["1000"]
        assert getattr(end.value, "partial", b"half") == b"half"


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 100\r\n\r\nsome", b"Transfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n"]
)
@pytest.mark.parametrize("reset", [True, False])
async def test_an_upstream_that_dies_midway(gate: Wire, framing: bytes, *, reset: bool) -> None:
    """The client gets no terminator that would make half an answer a whole one."""

    async def die(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\n" + framing)
        await gate.settle()
        (conversation.reset if reset else conversation.close)()

    gate.upstream.answer(die)
    heard = await gate.play(GET)
    assert heard.statuses in ([], [200])
    assert not heard.raw.endswith(b"0\r\n\r\n")
    assert b"HTTP/1.1 502" not in heard.raw  # the number alone may be part of a request id


async def test_a_reset_ends_no_body_that_ends_with_the_connection(gate: Wire) -> None:
    async def die(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\n\r\nsome")
        await gate.settle()
        conversation.reset()

    gate.upstream.answer(die)
    assert not (await gate.play(GET)).raw.endswith(b"0\r\n\r\n")


async def test_decisions_that_take_their_time(gate: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes of the request meanwhile is kept; a client that goes away ends it."""
    pipeline = gate.running.gateway.pipeline
    decide, decided = pipeline.decide, asyncio.Event()

    async def late(*arguments: object) -> object:
        await decided.wait()
        return await decide(*arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(pipeline, "decide", late)
    async with gate.connect() as gone, gate.connect() as client:
        await gone.send(request("POST", "/gone", body=b"hello"))
        await client.send(request("POST", "/", body=b"hello") + GET)
        await gate.settle()
        gone.writer.transport.abort()
        await gate.settle()
        decided.set()
        assert (await client.answer()).status == 200
        assert (await client.answer()).status == 200
    assert [(received.target, received.body) for received in gate.upstream.requests] == [("/", b"hello"), ("/", b"")]


async def test_credentials_go_on_only_where_that_is_wanted(tmp_path: Path) -> None:
    token = key("ES256").token()
    for propagate, expected in (("headers", []), ("pass-through", [f"Bearer {token}"])):
        async with wire(tmp_path, routes=[{**OPEN[0], "anonymous": False, "propagate": propagate}]) as gate:
            heard = await gate.play(request("GET", "/", token=token))
            assert heard.arrived[0].values("Authorization") == expected


async def test_a_body_without_a_connection_to_go_on_by_has_to_wait(gate: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is decided, say, or a target is slow to connect: what is kept of it is bounded."""
    pipeline = gate.running.gateway.pipeline
    decide, decided = pipeline.decide, asyncio.Event()

    async def late(*arguments: object) -> object:
        await decided.wait()
        return await decide(*arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(pipeline, "decide", late)
    body = bytes(8_000_000)
    async with gate.connect() as client:
        sending = asyncio.ensure_future(client.send(request("POST", "/", body=body)))
        await gate.settle()
        (connection,) = gate.running.gateway.door._clients
        exchange = connection.exchange
        assert exchange is not None
        assert connection.held
        assert sum(map(len, exchange._held or [])) < 500_000
        gate.pass_time(100.0)
        decided.set()
        await sending
        assert (await client.answer()).status == 200
    assert gate.upstream.requests[0].body == body


async def test_who_is_refused_after_waiting_with_a_body_hears_of_it(
    gate: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = asyncio.Event()

    async def late(*_: object) -> Refused:
        await decided.wait()
        return Refused(None, Refusal(NO_ROUTE))

    monkeypatch.setattr(gate.running.gateway.pipeline, "decide", late)
    async with gate.connect() as client:
        sending = asyncio.ensure_future(client.send(request("POST", "/", body=bytes(500_000))))
        await gate.settle()
        decided.set()
        assert (await client.answer()).status == 404
        assert await client.ended()
        await sending


async def test_small_chunks_go_on_together(gate: Wire) -> None:
    """Both ways: whoever is behind the gateway need not take apart what somebody made small on purpose."""
    small = b"2\r\nab\r\n" * 1000 + b"0\r\n\r\n"
    gate.upstream.default = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + small
    heard = await gate.play(request("POST", "/", headers={**CHUNKED, "Connection": "close"}) + small)
    assert content(heard.arrived[0]) == b"ab" * 1000
    assert heard.arrived[0].body.count(b"\r\n") < 30
    assert heard.raw.partition(b"\r\n\r\n")[2].count(b"ab") == 1000
    assert heard.raw.count(b"\r\n") < 50
