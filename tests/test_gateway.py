"""The composition root: whole gateways, as wired from a configuration."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from ostiary.config.model import Config
from ostiary.gateway import Gateway
from ostiary.observe.metrics import Metrics
from ostiary.observe.security_log import SecurityLog
from ostiary.observe.sink import Sink
from ostiary.observe.writer import LineWriter
from ostiary.stores.memory import MemoryStore
from tests.support import http1
from tests.support.documents import document, issuer
from tests.support.gateway import logged, running_gateway
from tests.support.key_server import key_server, reply
from tests.support.recording import recording_upstream
from tests.support.tokens import jwks, key, new_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.documents import Document
    from tests.support.recording import Conversation, RecordingUpstream

NOWHERE = "http://127.0.0.1:9"


def route(name: str, path: str, **others: object) -> Document:
    return {"name": name, "match": {"path": path}, "upstream": "api", **others}


async def code(port: int, target: str, token: str) -> object:
    answer = await http1.ask(port, "GET", target, token=token)
    return answer.status if answer.status == 200 else answer.json["error"]


async def test_what_was_sent_before_the_end_is_answered(upstream: RecordingUpstream, tmp_path: Path) -> None:
    """The kernel has it, on a connection that was used, on one that was not, and on one that nobody accepted yet."""
    loop = asyncio.get_running_loop()
    request = http1.request("POST", "/", token=key().token(), body=b"x")
    async with running_gateway(document(upstream.url), tmp_path) as running:
        clients = {name: socket.create_connection(("127.0.0.1", running.port)) for name in ("used", "unused")}
        for client in clients.values():
            client.setblocking(False)
        await loop.sock_sendall(clients["used"], request)
        assert b"Connection: close" not in await loop.sock_recv(clients["used"], 4096)
        clients["queued"] = socket.create_connection(("127.0.0.1", running.port))
        for client in clients.values():
            client.setblocking(False)
            client.send(request)
        await running.gateway.drain(5.0)
        for name, client in clients.items():
            with client:
                answer = await asyncio.wait_for(loop.sock_recv(client, 4096), 10)
                assert answer.startswith(b"HTTP/1.1 200 "), name
                assert b"\r\nConnection: close\r\n" in answer, name
    assert len(upstream.requests) == 4


async def test_routes_that_ask_for_the_same_judge_a_token_once(upstream: RecordingUpstream, tmp_path: Path) -> None:
    routes = [route("a", "/a"), route("b", "/b"), route("c", "/c", propagate="pass-through")]
    token = key().token()
    async with running_gateway(document(upstream.url, routes=routes), tmp_path) as running:
        for target in ("/a", "/b", "/c"):
            assert await code(running.port, target, token) == 200
        a, b, c = (running.gateway.pipeline._routes.match("gateway.example", "GET", f"/{name}") for name in "abc")
    assert a is not None
    assert b is not None
    assert c is not None
    assert a.policy is b.policy is not c.policy
    assert [request.values("X-User-Id") for request in upstream.requests] == [["alice"], ["alice"], []]
    assert [request.values("Authorization") for request in upstream.requests] == [[], [], [f"Bearer {token}"]]


@pytest.mark.parametrize(
    "issuers, expected", [(None, [200, 200]), (["mine"], [200, "invalid_claims"]), ([], ["invalid_claims"] * 2)]
)
async def test_a_route_believes_the_issuers_that_it_names(
    upstream: RecordingUpstream, tmp_path: Path, issuers: list[str] | None, expected: list[object]
) -> None:
    mine, theirs = new_key("ES256", "same"), new_key("ES256", "same")
    configured = {"mine": issuer(mine), "theirs": issuer(theirs, issuer="https://theirs.example")}
    routes = [route("all", "/all"), route("some", "/some", issuers=issuers)]
    tokens = [mine.token(), theirs.token(None, iss="https://theirs.example")]
    async with running_gateway(document(upstream.url, issuers=configured, routes=routes), tmp_path) as running:
        for token in tokens:
            assert await code(running.port, "/all", token) == 200  # and is remembered
        assert [await code(running.port, "/some", token) for token in tokens] == expected


async def test_it_is_ready_while_it_listens_with_usable_keys(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with key_server() as server:
        remote = issuer(keys={"jwks_url": server.url(), "cooldown": 0.01})
        async with running_gateway(document(upstream.url, issuers={"remote": remote}), tmp_path) as running:
            gateway = running.gateway
            assert await code(running.port, "/", key().token()) == "identity_provider_unavailable"
            assert not gateway.status().ready
            server.answers["/jwks"] = reply(jwks(key()))
            source = gateway._sources["remote"]
            await source._begin()  # type: ignore[attr-defined]  # its timer, ahead of time
            status = gateway.status()
            assert (status.ready, status.store_healthy, status.issuers["remote"].keys) == (True, True, 1)
            assert await code(running.port, "/", key().token()) == 200
            gateway.door.draining = True
            assert not gateway.status().ready
    events = [event["event"] for event in logged(running.security_log)]
    assert events == ["keys_refresh_failed", "keys_unavailable", "keys_changed", "keys_recovered"]


async def test_what_is_kept_elsewhere_is_counted_when_asked_for(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with running_gateway(document(upstream.url), tmp_path) as running:
        for _ in range(3):
            assert await code(running.port, "/", key().token(None, exp=2_000_000_000, iat=1)) == 200
        values = running.metrics.snapshot().values
    # ECDSA signs differently each time, so these were three tokens
    assert values["ostiary_token_cache_total"] == {("hit",): 0, ("miss",): 3}
    assert values["ostiary_issuer_keys"] == {("tests",): 3}


async def test_a_drain_lets_what_is_open_finish_and_takes_nothing_new(
    upstream: RecordingUpstream, tmp_path: Path
) -> None:
    release = asyncio.Event()

    async def late(conversation: Conversation) -> None:
        await release.wait()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    upstream.default = late
    async with running_gateway(document(upstream.url), tmp_path) as running, http1.connect(running.port) as client:
        port = running.port
        await client.send(http1.request("GET", "/", token=key().token()))
        await upstream.arrived(1)
        draining = asyncio.create_task(running.gateway.drain(20.0))
        for _ in range(5):  # those that the kernel has made already are still accepted
            await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            await http1.ask(port, "GET", "/")
        release.set()
        answer = await client.answer()
        assert (answer.body, answer.value("connection")) == (b"late", "close")
        assert await client.ended()
        await draining


async def test_a_drain_ends_by_its_deadline(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async def never(_: Conversation) -> None:
        await asyncio.Event().wait()

    upstream.default = never
    async with running_gateway(document(upstream.url), tmp_path) as running, http1.connect(running.port) as client:
        await client.send(http1.request("GET", "/", token=key().token()))
        await upstream.arrived(1)
        await running.gateway.drain(0.01)
        assert await client.ended()
    (line,) = logged(running.access_log)
    assert (line["path"], line["status"], line["subject"], line["ended"]) == ("/", 0, "alice", "drain")


async def test_what_a_drain_cuts_off_is_written_down_whatever_it_waits_for(
    upstream: RecordingUpstream, tmp_path: Path
) -> None:
    async def half(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await asyncio.Event().wait()

    async def silence(conversation: Conversation) -> None:
        await conversation.reader.read()

    upstream.default = half
    async with recording_upstream() as provider:
        provider.default = silence
        issuers = {"tests": issuer(), "slow": issuer(issuer="https://slow.example", keys={"jwks_url": provider.url})}
        undecided = key().token(None, iss="https://slow.example")
        async with (
            running_gateway(document(upstream.url, issuers=issuers), tmp_path) as running,
            http1.connect(running.port) as first,
            http1.connect(running.port) as second,
        ):
            await first.send(http1.request("GET", "/half", token=key().token()))
            await second.send(http1.request("GET", "/undecided", token=undecided))
            await first.reader.readuntil(b"half")
            await running.gateway.drain(0.01)
            assert await second.ended()
    lines = logged(running.access_log)
    assert {(line["path"], line["status"], line["ended"]) for line in lines} == {
        ("/half", 200, "drain"),
        ("/undecided", 0, "drain"),
    }
    assert [line["path"] for line in lines if "decision_us" in line] == ["/half"]


async def test_a_client_that_leaves_is_not_said_to_be_cut_off(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async def never(_: Conversation) -> None:
        await asyncio.Event().wait()

    upstream.default = never
    async with running_gateway(document(upstream.url), tmp_path) as running:
        async with http1.connect(running.port) as client:
            await client.send(http1.request("GET", "/", token=key().token()))
            await upstream.arrived(1)
        await running.gateway.door.drain()
    (line,) = logged(running.access_log)
    assert line["status"] == 0
    assert "ended" not in line


@pytest.fixture
def security_log() -> Iterator[SecurityLog]:
    writer = LineWriter(Sink("stderr"))
    yield SecurityLog(writer, Metrics())
    writer.close()


def unstarted(security_log: SecurityLog, **server: object) -> Gateway:
    config = Config.model_validate(document(NOWHERE, server=server))
    return Gateway(config, MemoryStore(), Metrics(), None, security_log)


async def test_several_workers_share_a_port_and_nobody_else_does(security_log: SecurityLog) -> None:
    first = unstarted(security_log)
    await first.start()
    second = unstarted(security_log, listen=f"127.0.0.1:{first.port}")
    await second.start()
    assert second.port == first.port
    await first.drain(0.0)
    await second.drain(0.0)
    with socket.create_server(("127.0.0.1", 0)) as other:
        third = unstarted(security_log, listen=f"127.0.0.1:{other.getsockname()[1]}")
        with pytest.raises(OSError, match="in use"):
            await third.start()
        await third.drain(0.0)


async def test_an_ipv6_listener_is_that_only(security_log: SecurityLog) -> None:
    gateway = unstarted(security_log, listen="[::1]:0")
    await gateway.start()
    reader, writer = await asyncio.open_connection("::1", gateway.port)
    writer.write(http1.request("GET", "/"))
    assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", gateway.port)
    await gateway.drain(0.0)


async def test_prepared_for_explaining_it_does_not_listen(security_log: SecurityLog) -> None:
    gateway = unstarted(security_log)
    await gateway.prepare()
    assert not gateway.status().ready
    await gateway.drain(0.0)
