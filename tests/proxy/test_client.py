"""One client's connection: order, deadlines, backpressure, and clients that are slow, greedy or gone."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING

import pytest

from tests.support.documents import document
from tests.support.http1 import request
from tests.support.recording import OK
from tests.support.socketless import socketless
from tests.support.wire import OPEN, content, wire

if TYPE_CHECKING:
    from pathlib import Path

    from ostiary.http.peer import Peer
    from tests.support.recording import Conversation
    from tests.support.wire import Wire

GET = request("GET", "/")


async def test_pipelined_requests_are_answered_in_order(gate: Wire) -> None:
    """Also where the later ones could be answered sooner."""
    gate.upstream.default = lambda conversation: conversation.send(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"
        % (len(conversation.request.target), conversation.request.target.encode())
    )
    async with gate.connect() as client:
        await client.send(b"".join(request("GET", f"/{n}") for n in range(10)) + request("POST", "/p", body=b"x" * 10))
        for n in range(10):
            assert (await client.answer()).body == f"/{n}".encode()
        assert (await client.answer()).body == b"/p"
    assert gate.upstream.connections == 1


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_pipelined_body_may_still_be_to_come(gate: Wire, *, chunked: bool) -> None:
    headers = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": "200000"}
    body = b"30d40\r\n" + b"x" * 200_000 + b"\r\n0\r\n\r\n" if chunked else b"x" * 200_000
    async with gate.connect() as client:
        await client.send(GET + request("POST", "/", headers=headers) + body[:1000])
        await gate.settle()
        await client.send(body[1000:] + GET)
        assert [(await client.answer()).status for _ in range(3)] == [200, 200, 200]
    assert content(gate.upstream.requests[1]) == b"x" * 200_000


async def test_a_pipelined_body_that_does_not_come_is_waited_for_only_so_long(gate: Wire) -> None:
    heard = await gate.play(GET + request("POST", "/", headers={"Content-Length": "10"}) + b"x")
    assert heard.statuses == [200, 408]


@pytest.mark.parametrize(
    "sent,statuses",
    [
        (b"", []),
        (b"GET / HT", [408]),
        (b"GET / HTTP/1.1\r\nHost: h\r\n", [408]),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n", [408]),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", [408]),
        (GET, [200]),
        (GET + b"GET / HT", [200, 408]),
    ],
)
async def test_who_sends_nothing_more_is_not_waited_for(gate: Wire, sent: bytes, statuses: list[int]) -> None:
    heard = await gate.play(sent)
    assert heard.statuses == statuses
    assert not heard.by_itself
    assert len(heard.arrived) == statuses.count(200)


async def test_d3_a_head_gains_no_time_by_coming_slowly(gate: Wire) -> None:
    async with gate.connect() as client:
        for octet in b"GET / HTTP/1":
            await client.send(bytes((octet,)))
            await gate.settle()
            gate.pass_time(0.9)
        await gate.settle()
        assert (await client.answer()).status == 408
        assert await client.ended()
    assert gate.upstream.connections == 0


async def test_a_body_may_take_its_time_as_long_as_it_goes_on(tmp_path: Path) -> None:
    async with wire(tmp_path, server={"bounds": {"body_rate": 0}}) as gate, gate.connect() as client:
        await client.send(request("POST", "/", headers={"Content-Length": "10"}))
        for _ in range(10):
            await gate.settle()
            gate.pass_time(29.0)
            await client.send(b"x")
        assert (await client.answer()).status == 200


async def test_the_deadline_of_a_body_ends_with_it(tmp_path: Path) -> None:
    """However long the answer takes after that is between the upstream and its deadlines."""
    finish = asyncio.Event()

    async def slow(conversation: Conversation) -> None:
        await finish.wait()
        await conversation.send(OK)

    async with wire(tmp_path, upstream={"first_byte_timeout": "10m"}) as gate, gate.connect() as client:
        gate.upstream.answer(slow)
        await client.send(request("POST", "/", headers={"Content-Length": "2"}) + b"x")
        await gate.settle()
        await client.send(b"y")
        await gate.settle()
        gate.pass_time(300.0)
        finish.set()
        assert (await client.answer()).status == 200


async def test_idle_connections_end_after_a_while(gate: Wire) -> None:
    async with gate.connect() as client:
        for _ in range(3):
            assert (await client.ask("GET", "/")).status == 200
            gate.pass_time(70.0)
        assert (await client.ask("GET", "/")).status == 200
        gate.pass_time(76.0)
        assert await client.ended()
    assert gate.running.metrics.snapshot().values["ostiary_client_connections_idle_closed_total"] == {(): 1}


STAGES = {
    "nothing sent": b"",
    "in the head": b"GET / HTTP/1.1\r\nHo",
    "in the body": request("POST", "/", headers={"Content-Length": "100"}) + b"some",
    "in a chunk": request("POST", "/", headers={"Transfer-Encoding": "chunked"}) + b"5\r\nab",
    "waiting": GET,
}


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("stage", STAGES)
async def test_clients_that_go_away(gate: Wire, stage: str, *, reset: bool) -> None:
    """The upstream is told by the end of its connection; nothing stays behind, and nothing is logged as a bug."""

    async def silent(conversation: Conversation) -> None:
        await conversation.reader.read()

    gate.upstream.default = silent
    async with gate.connect() as client:
        await client.send(STAGES[stage])
        await gate.settle()
        (client.writer.transport.abort if reset else client.writer.close)()
        await gate.settle()
    await gate.settle()
    metrics = gate.running.metrics
    assert metrics.client_connections.value == 0
    assert gate.upstream.open == 0
    assert metrics.bugs("proxy").value == 0


async def test_a_client_that_goes_away_with_more_than_it_may_ask(gate: Wire) -> None:
    """Nothing is read from it meanwhile, so that it is noticed when the upstream's time is over, at the latest."""

    async def silent(conversation: Conversation) -> None:
        await conversation.reader.read()

    gate.upstream.default = silent
    async with gate.connect() as client:
        await client.send(GET * 5)
        await gate.settle()
    for _ in range(2):
        gate.pass_time(31.0)
        await gate.settle()
    assert gate.running.metrics.client_connections.value == 0


async def test_a_client_that_goes_away_while_its_answer_comes(gate: Wire) -> None:
    gone = asyncio.Event()

    async def endless(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        await conversation.reader.read()
        gone.set()

    gate.upstream.answer(endless)
    async with gate.connect() as client:
        await client.send(GET)
        await client.reader.readuntil(b"a\r\n")
    async with asyncio.timeout(10):
        await gone.wait()


@pytest.mark.parametrize("where", ["decision", "upstream", "answer"])
async def test_fp4_an_unexpected_exception_ends_one_request(
    gate: Wire, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 500 if nothing was answered yet; its text, which may quote anything, appears nowhere."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("canary")

    door = gate.running.gateway.door
    async with gate.connect() as bystander, gate.connect() as client:
        assert (await bystander.ask("GET", "/")).status == 200
        with monkeypatch.context() as broken:
            if where == "decision":
                broken.setattr(gate.running.gateway.pipeline._routes, "match", fail)
            elif where == "upstream":
                broken.setattr("ostiary.proxy.exchange.Exchange.assigned", fail)
            else:
                broken.setattr(door.responses, "read", fail)
            answer = await client.ask("GET", "/")
        assert (answer.status, answer.json["error"]) == (500, "internal_error")
        assert b"canary" not in answer.body
        assert (await bystander.ask("GET", "/")).status == 200
    bugs = gate.running.metrics.bugs("decision" if where == "decision" else "proxy")
    assert bugs.value == 1


async def test_a_head_that_comes_octet_by_octet_is_read_once(gate: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a few octets a second, each a segment of its own, would keep a worker busy."""
    requests = gate.running.gateway.door.requests
    read, sizes = requests.read, []

    def counted(data: bytes, peer: Peer) -> object:
        sizes.append(len(data))
        return read(data, peer)

    monkeypatch.setattr(requests, "read", counted)
    head = request("GET", "/", headers={"X": "y" * 100})
    heard = await gate.play(*(bytes((octet,)) for octet in head))
    assert heard.statuses == [200]
    assert sizes == [1, len(head)]


async def test_a_head_that_comes_octet_by_octet_is_given_up_as_soon_as_it_can_be(gate: Wire) -> None:
    heard = await gate.play(*(bytes((octet,)) for octet in b"GET / HTTP/1.1\r\nHost: h\n"))
    assert heard.refused
    assert heard.by_itself


NOWHERE = request("GET", "/nowhere")
ONLY_API = [{**OPEN[0], "match": {"path": "/api/**"}}]


async def test_one_client_is_answered_so_often_in_a_turn_of_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is refused at once holds nothing up: ten thousand requests in one read would keep everybody waiting."""
    async with socketless(document("http://127.0.0.1:9", routes=ONLY_API), tmp_path, monkeypatch) as ends:
        ends.client.data_received(NOWHERE * 50)
        answers, turns = ends.to_client.take(), 1
        assert answers.count(b"HTTP/1.1 404 ") == 16
        while not ends.to_client.reading:
            await asyncio.sleep(0)
            answers, turns = answers + ends.to_client.take(), turns + 1
        assert (answers.count(b"HTTP/1.1 404 "), turns) == (50, 4)
        ends.client.data_received(NOWHERE * 16 + b"\r\n")
        for _ in range(5):
            await asyncio.sleep(0)
        assert ends.to_client.reading
        assert ends.client.deadline < inf, "an empty line at the start of a turn must not keep a connection for ever"


async def test_small_chunks_are_read_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are worth their overhead, and yet each costs what a large one does."""
    post = request("POST", "/", headers={"Transfer-Encoding": "chunked"})
    async with socketless(document("http://127.0.0.1:9", routes=OPEN), tmp_path, monkeypatch) as ends:
        await ends.first(GET, OK)
        ends.client.data_received(post + b"2\r\nxy\r\n" * 5000 + b"0\r\n\r\n")
        sent = ends.to_upstream.take()
        assert sent.count(b"xy") == 512
        while not ends.to_client.reading:
            await asyncio.sleep(0)
            sent += ends.to_upstream.take()
        assert sent.count(b"xy") == 5000
        assert sent.endswith(b"\r\n0\r\n\r\n")


async def test_who_takes_no_answers_is_given_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with socketless(document("http://127.0.0.1:9", routes=ONLY_API), tmp_path, monkeypatch) as ends:
        keep = ends.to_client.write

        def write(data: object) -> None:
            keep(data)
            if len(ends.to_client.written) == 3:
                ends.client.pause_writing()

        monkeypatch.setattr(ends.to_client, "write", write)
        ends.client.data_received(NOWHERE * 5)
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(ends.to_client.written) == 3
        ends.client.resume_writing()
        for _ in range(5):
            await asyncio.sleep(0)
        assert ends.to_client.take().count(b"HTTP/1.1 404 ") == 5


async def test_who_takes_no_answers_has_no_time_for_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither to be idle, when the answer is all here, nor for a body."""
    post = b"POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 9\r\n\r\n"
    async with socketless(document("http://127.0.0.1:9", routes=OPEN), tmp_path, monkeypatch) as ends:
        await ends.first(GET, OK)
        now = ends.client.door.monotonic()
        ends.client.data_received(GET)
        ends.client.pause_writing()
        ends.upstream.data_received(OK)
        assert (ends.client.exchange, ends.client.deadline) == (None, now)
        ends.client.resume_writing()
        assert ends.client.deadline > now
        ends.client.data_received(post)
        ends.client.pause_writing()
        for piece in (b"a", b"b", b"1234567"):
            ends.client.data_received(piece)
            ends.client.hold_body()
            ends.client.release_body()
            assert ends.client.deadline == now


async def test_who_is_held_back_has_no_time_in_which_to_send(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    post = b"POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 9\r\n\r\n"
    async with socketless(document("http://127.0.0.1:9", routes=OPEN), tmp_path, monkeypatch) as ends:
        await ends.first(GET, OK)
        ends.client.data_received(post)
        ends.client.pause_writing()
        ends.client.hold_body()
        ends.client.resume_writing()
        assert ends.client.deadline == inf
        ends.client.release_body()
        assert ends.client.deadline < inf


async def test_what_was_put_off_goes_with_its_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with socketless(document("http://127.0.0.1:9", routes=ONLY_API), tmp_path, monkeypatch) as ends:
        ends.client.data_received(NOWHERE * 50)
        ends.to_client.take()
        ends.client.connection_lost(None)
        for _ in range(5):
            await asyncio.sleep(0)
        assert ends.to_client.take() == b""


@pytest.mark.parametrize("before", [b"", b"\r\n", GET])
@pytest.mark.parametrize(
    "rest",
    [
        b" / HTTP/1.1\r\nHost: api.example.com\r\nX : y\r\n\r\n",
        b" / HTTP/1.1\r\nX: " + b"a" * 100_000,
        b" /" + b"a" * 100_000,
        b" / HTTP/1.1\r\nHost: api",
    ],
)
async def test_a_head_request_that_cannot_be_read_is_refused_without_a_body(
    gate: Wire, before: bytes, rest: bytes
) -> None:
    """Whatever follows the head of an answer to HEAD would be taken for another answer (RFC 9110 section 9.3.2)."""
    for method, bodiless in ((b"HEAD", True), (b"GET", False)):
        heard = await gate.play(before + method + rest)
        assert heard.statuses[-1] in {400, 408, 414, 431}
        assert heard.raw.endswith(b"\r\n\r\n") is bodiless
