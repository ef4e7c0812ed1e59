"""Upstream rows FU1 to FU5 of the shared fault table, with faults that are real."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.support.http1 import request
from tests.support.recording import OK
from tests.support.upstreams import several
from tests.support.wire import wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.http1 import Answer
    from tests.support.recording import Conversation

_INTERNALS = re.compile(r"127\.0\.0\.1|localhost|:\d{4,5}|errno|exception|traceback|refused|target|\.py", re.IGNORECASE)


async def silence(conversation: Conversation) -> None:
    await conversation.reader.read()


async def gone(conversation: Conversation) -> None:
    conversation.close()


async def reset(conversation: Conversation) -> None:
    conversation.reset()


def free_of_internals(answer: Answer) -> bool:
    text = answer.head.raw.decode() + answer.body.decode()
    return _INTERNALS.search(text) is None and answer.value("content-type") == "application/problem+json"


# FU1: refused, or too slow.


async def test_fu1_refused_is_502_without_internals(tmp_path: Path) -> None:
    async with several(tmp_path, 0, bad=1) as api, api.gate.connect() as client:
        answer = await client.ask("GET", "/orders")
        assert (answer.status, answer.json["error"], answer.value("Retry-After")) == (502, "upstream_error", None)
        assert free_of_internals(answer)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-"])
async def test_fu1_silence_is_504_without_internals(tmp_path: Path, begun: bytes) -> None:
    async def say(conversation: Conversation) -> None:
        await conversation.send(begun)
        await conversation.reader.read()

    async with several(tmp_path, 1) as api, api.gate.connect() as client:
        api.recordings[0].default = say
        await client.send(request("GET", "/orders"))
        await api.recordings[0].arrived(1)
        await api.gate.settle()
        api.gate.pass_time(30.1)
        answer = await client.answer()
        assert (answer.status, answer.json["error"]) == (504, "upstream_timeout")
        assert free_of_internals(answer)
        await api.gate.settle()
        assert api.recordings[0].open == 0


async def test_fu1_spared_is_503_without_internals_and_says_for_how_long(tmp_path: Path) -> None:
    async with several(tmp_path, 0, bad=1, circuit={"failures": 1}) as api, api.gate.connect() as client:
        await client.ask("GET", "/orders")
        answer = await client.ask("GET", "/orders")
        assert (answer.status, answer.json["error"]) == (503, "upstream_unavailable")
        assert answer.value("Retry-After") == "30"
        assert free_of_internals(answer)


# FU2: dies in the midst of a body.


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 100\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
)
@pytest.mark.parametrize("end", [gone, reset])
async def test_fu2_a_broken_answer_has_no_clean_end(tmp_path: Path, framing: bytes, end: object) -> None:
    async def half(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\n" + framing)
        await read.wait()
        await (gone if end is gone else reset)(conversation)

    read = asyncio.Event()
    async with wire(tmp_path) as gate, gate.connect() as client:
        gate.upstream.default = half
        await client.send(request("GET", "/"))
        raw = await client.reader.readuntil(b"half")
        read.set()
        with suppress(ConnectionResetError):
            raw += await asyncio.wait_for(client.reader.read(), 5)
        assert not raw.endswith(b"0\r\n\r\n")
        assert raw.count(b"HTTP/1.1") == 1


# FU3: the race between an idle connection's end and the next request.


@pytest.mark.parametrize("end", [gone, reset])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
async def test_fu3_what_may_be_repeated_is_on_a_new_connection(tmp_path: Path, method: str, end: object) -> None:
    async with wire(tmp_path) as gate, gate.connect() as client:
        gate.upstream.answer(OK, gone if end is gone else reset)
        assert (await client.ask("GET", "/")).status == 200
        assert (await client.ask(method, "/again")).status == 200
        seen = [(each.method, each.connection) for each in gate.upstream.requests]
        assert seen == [("GET", 0), (method, 0), (method, 1)]


@pytest.mark.parametrize("end", [gone, reset])
@pytest.mark.parametrize(
    "method, body", [("POST", None), ("POST", b"x"), ("PATCH", b"x"), ("PUT", b"x"), ("LOCK", None)]
)
async def test_fu3_what_may_not_be_repeated_is_seen_once(tmp_path: Path, method: str, body: bytes, end: object) -> None:
    async with wire(tmp_path) as gate, gate.connect() as client:
        gate.upstream.answer(OK, gone if end is gone else reset)
        assert (await client.ask("GET", "/")).status == 200
        assert (await client.ask(method, "/once", body=body)).status == 502
        assert [each.target for each in gate.upstream.requests] == ["/", "/once"]


async def test_fu3_a_new_connection_that_ends_is_no_such_race(tmp_path: Path) -> None:
    async with wire(tmp_path) as gate, gate.connect() as client:
        gate.upstream.default = gone
        assert (await client.ask("GET", "/")).status == 502
        assert len(gate.upstream.requests) == 1


async def test_fu3_nothing_is_repeated_once_an_answer_has_begun(tmp_path: Path) -> None:
    async def begin(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 2")
        conversation.close()

    async with wire(tmp_path) as gate, gate.connect() as client:
        gate.upstream.answer(OK, begin)
        assert (await client.ask("GET", "/")).status == 200
        assert (await client.ask("GET", "/")).status == 502
        assert len(gate.upstream.requests) == 2


async def test_fu3_nothing_is_repeated_twice(tmp_path: Path) -> None:
    async with wire(tmp_path) as gate, gate.connect() as client:
        gate.upstream.answer(OK, gone, gone)
        assert (await client.ask("GET", "/")).status == 200
        assert (await client.ask("GET", "/")).status == 502
        assert len(gate.upstream.requests) == 3


# FU4: a body that stops coming.


async def test_fu4_an_answer_that_stops_frees_both_connections(tmp_path: Path) -> None:
    async def half(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await conversation.reader.read()

    async with wire(tmp_path) as gate, gate.connect() as client:
        gate.upstream.default = half
        await client.send(request("GET", "/"))
        await client.reader.readuntil(b"half")
        gate.pass_time(30.1)
        assert await client.ended()
        await gate.settle()
        assert gate.upstream.open == 0


# FU5: framing that can be read in two ways.


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 2\r\nContent-Length: 2\r\n",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: +2\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"X: a\nContent-Length: 2\r\n",
    ],
)
async def test_fu5_ambiguous_framing_is_502_and_its_connection_is_not_used_again(tmp_path: Path, fields: bytes) -> None:
    async with several(tmp_path, 1) as api, api.gate.connect() as client:
        upstream = api.recordings[0]
        upstream.answer(OK, b"HTTP/1.1 200 OK\r\n" + fields + b"\r\nok")
        assert (await client.ask("GET", "/")).status == 200
        answer = await client.ask("GET", "/")
        assert (answer.status, answer.json["error"]) == (502, "upstream_error")
        assert free_of_internals(answer)
        assert (await client.ask("GET", "/")).status == 200
        assert [each.connection for each in upstream.requests] == [0, 0, 1]
        assert api.metric("failures_total", "protocol") == 1
