"""What all connections share: their number, their end, and the account that is kept of them."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.gateway import logged
from tests.support.http1 import request
from tests.support.recording import OK
from tests.support.tokens import key
from tests.support.websocket import handshake
from tests.support.wire import OPEN, wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.recording import Conversation
    from tests.support.wire import Wire

GET = request("GET", "/")


async def test_connections_beyond_the_bound_are_refused(tmp_path: Path) -> None:
    async with wire(tmp_path, server={"bounds": {"connections": 2}}) as gate:
        async with gate.connect() as first, gate.connect() as second:
            for client in (first, second):
                assert (await client.ask("GET", "/")).status == 200
            async with gate.connect() as third:
                assert await third.ended()
            assert (await first.ask("GET", "/")).status == 200
        await gate.settle()
        assert (await gate.play(GET)).statuses == [200]
        assert gate.running.metrics.client_connections_refused.value == 1
        assert gate.running.metrics.client_connections_opened.value == 3


async def test_drain_lets_the_current_request_finish(gate: Wire) -> None:
    go_on = asyncio.Event()

    async def slow(conversation: Conversation) -> None:
        await go_on.wait()
        await conversation.send(OK)

    gate.upstream.answer(OK, slow)
    async with gate.connect() as idle, gate.connect() as busy, gate.connect() as halfway:
        await idle.ask("GET", "/")
        await busy.send(GET)
        await halfway.send(b"GET / HTTP/1.1\r\n")
        await gate.settle()
        draining = asyncio.ensure_future(gate.running.gateway.door.drain())
        assert await idle.ended()
        assert await halfway.ended()
        await gate.settle()
        assert not draining.done()
        go_on.set()
        answer = await busy.answer()
        assert (answer.status, answer.value("Connection")) == (200, "close")
        assert await busy.ended()
    async with asyncio.timeout(10):
        await draining


async def test_drain_does_not_begin_what_was_sent_ahead(gate: Wire) -> None:
    go_on = asyncio.Event()

    async def slow(conversation: Conversation) -> None:
        await go_on.wait()
        await conversation.send(OK)

    gate.upstream.answer(slow)
    async with gate.connect() as client:
        await client.send(GET * 3)
        await gate.settle()
        draining = asyncio.ensure_future(gate.running.gateway.door.drain())
        await gate.settle()
        go_on.set()
        assert (await client.answer()).status == 200
        assert await client.ended()
    async with asyncio.timeout(10):
        await draining
    assert len(gate.upstream.requests) == 1


async def test_abort_ends_everything_at_once(gate: Wire) -> None:
    async def silence(conversation: Conversation) -> None:
        await conversation.reader.read()

    gate.upstream.answer(silence)
    async with gate.connect() as client:
        await client.send(GET)
        await gate.settle()
        gate.running.gateway.door.abort()
        assert await client.ended()
    await gate.settle()
    assert gate.upstream.open == 0


async def test_each_request_is_written_down_once(tmp_path: Path) -> None:
    async with wire(tmp_path, routes=[{**OPEN[0], "anonymous": False}]) as gate:
        gate.upstream.answer(b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nyes")
        async with gate.connect() as client:
            await client.ask("POST", "/made?secret", body=b"hello", token=key("ES256").token(sub="alice"))
            answer = await client.ask("GET", "/refused")
        metrics = gate.running.metrics
        assert metrics.route("all").allowed[2] == 1
    first, second = logged(gate.running.access_log)
    assert (first["method"], first["path"], first["status"], first["subject"]) == ("POST", "/made", 201, "alice")
    assert (first["bytes_in"], first["bytes_out"], first["route"]) == (5, 3, "all")
    assert (second["status"], second["reason"], second["request_id"]) == (
        401,
        "missing_token",
        answer.value("X-Request-Id"),
    )


@pytest.mark.parametrize(
    "sent, status, reason",
    [
        (b"nonsense\r\n\r\n", 400, "bad_request"),
        (b"GET /" + b"a" * 20_000, 414, "target_too_long"),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 70_000, 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\nHost: a", 408, "request_timeout"),
    ],
)
async def test_what_cannot_be_read_is_written_down_with_what_is_known(
    sent: bytes, status: int, reason: str, tmp_path: Path
) -> None:
    async with wire(tmp_path) as gate:
        heard = await gate.play(sent)
    assert heard.statuses == [status]
    (request_id,) = re.findall(rb"X-Request-Id: (\S+)", heard.raw)
    (line,) = logged(gate.running.access_log)
    assert line.pop("time")
    told = {"request_id": request_id.decode(), "client": "127.0.0.1", "reason": reason}
    assert line == {**told, "status": status}
    for event in logged(gate.running.security_log):
        assert told.items() <= event.items()


async def test_without_an_access_log_what_cannot_be_read_is_still_an_event(tmp_path: Path) -> None:
    async with wire(tmp_path) as gate:
        gate.running.gateway.door._access_log = None
        await gate.play(b"nonsense\r\n\r\n")
    (event,) = logged(gate.running.security_log)
    assert (event["event"], event["reason"]) == ("request_malformed", "bad_request")


@pytest.mark.parametrize(
    "terms, reason, tier",
    [
        ({"require": {"scopes": ["write"]}}, "insufficient_scope", None),
        ({"require": {"roles": ["clerk"]}, "limit": "calls"}, "access_denied", "premium"),
        ({"limit": "calls"}, "rate_limited", "premium"),
    ],
)
async def test_both_logs_say_who_was_refused(
    terms: dict[str, object], reason: str, tier: str | None, tmp_path: Path
) -> None:
    routes = [{**OPEN[0], **terms, "anonymous": False}]
    bucket = {"rate": 0.001, "burst": 1}
    limits = {"calls": {"tiers": {"free": bucket, "premium": bucket}}}
    token = key("ES256").token(sub="alice", tier="premium")
    async with wire(tmp_path, routes=routes, limits=limits) as gate, gate.connect() as client:
        for _ in range(2):
            await client.ask("GET", "/", token=token)
    line, event = logged(gate.running.access_log)[-1], logged(gate.running.security_log)[-1]
    assert (line["reason"], line["issuer"], line["subject"], line.get("tier")) == (reason, "tests", "alice", tier)
    assert (event["reason"], event["issuer"], event["subject"]) == (reason, "tests", "alice")


async def test_of_a_token_that_was_not_checked_nobody_is_named(tmp_path: Path) -> None:
    routes = [{**OPEN[0], "websocket": True, "origins": []}]
    async with wire(tmp_path, routes=routes) as gate, gate.connect() as client:
        token = key("ES256").token(sub="alice")
        await client.send(handshake({"Origin": "https://evil.example"}, token=token))
        assert (await client.answer()).status == 403
    for log in (gate.running.access_log, gate.running.security_log):
        (record,) = logged(log)
        assert record["reason"] == "origin_mismatch"
        assert not {"issuer", "subject"} & record.keys()


async def test_clients_that_reset_before_they_were_asked_their_name(gate: Wire) -> None:
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", gate.running.port)
        writer.transport.abort()
    await gate.settle()
    assert (await gate.play(GET)).statuses == [200]
    assert gate.running.metrics.client_connections.value == 0


async def test_a_client_that_is_gone_before_it_is_asked_who_it_is(gate: Wire) -> None:
    peer = gate.running.gateway.door.peer(None)
    assert (peer.address, peer.sender) == ("::", "::")


async def test_what_a_proxy_header_tells_goes_before_the_sockets_address(gate: Wire) -> None:
    peer = gate.running.gateway.door.peer(("192.0.2.1", 4711), None, "198.51.100.7")
    assert (peer.address, peer.sender) == ("198.51.100.7", "192.0.2.1")


async def test_those_who_have_yet_to_say_who_they_are_take_room(tmp_path: Path) -> None:
    async with wire(tmp_path, server={"bounds": {"connections": 2}}) as gate:
        door = gate.running.gateway.door
        door.arriving = 1
        assert door.admit()
        door.arriving = 2
        assert not door.admit()
        assert gate.running.metrics.client_connections_refused.value == 1


async def test_plain_http_is_taken_from_those_who_terminate_tls_and_from_this_machine(tmp_path: Path) -> None:
    async with wire(tmp_path, server={"tls_terminated_by": ["10.0.0.0/8"]}) as gate:
        assert (await gate.play(GET)).statuses == [200]
        door = gate.running.gateway.door
        assert door.connected(door.connection(), door.peer(("10.1.2.3", 1)))
        assert not door.connected(door.connection(), door.peer(("192.0.2.1", 1)))
        assert not door.connected(door.connection(), door.peer(("192.0.2.2", 1), None, "10.1.2.3"))
        assert gate.running.metrics.client_connections_refused_plain.value == 2
        assert gate.running.metrics.client_connections_refused.value == 0
        door._clients.clear()
