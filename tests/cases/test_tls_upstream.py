"""TLS towards services, on real sockets: whoever is not the service gets nothing of a request."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.certificates import Authority, Pair
from tests.support.documents import document
from tests.support.gateway import RunningGateway, logged, running_gateway
from tests.support.http1 import Answer, ask, connect, request
from tests.support.recording import recording_upstream
from tests.support.wire import OPEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.recording import Conversation


def serving(pair: Pair, clients: Authority | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients.ca)
    return context


@asynccontextmanager
async def gateway(
    folder: Path, port: int, tls: Mapping[str, object], host: str = "127.0.0.1"
) -> AsyncIterator[RunningGateway]:
    target = f"https://{host}:{port}"
    upstreams = {"api": {"targets": [target], "tls": tls, "connect_timeout": "500ms"}}
    async with running_gateway(document(target, upstreams=upstreams, routes=OPEN), folder) as running:
        yield running


async def get(running: RunningGateway) -> Answer:
    return await ask(running.port, "GET", "/", headers={"Host": "a.example"})


async def test_a_service_that_proves_itself(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = {"ca": str(authority.ca)}
    async with recording_upstream(serving(authority.issue("own", "127.0.0.1", "localhost"))) as upstream:
        for host in ("127.0.0.1", "localhost"):
            async with gateway(tmp_path, upstream.port, tls, host) as running, connect(running.port) as client:
                for size in (0, 1_000_000):
                    assert (await client.ask("POST", "/", body=bytes(size))).status == 200
        assert upstream.connections == 2
        assert len(upstream.requests) == 4


async def test_a_name_of_its_own(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = serving(authority.issue("own", "orders.internal"))
    asked: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked.append(name)
    async with (
        recording_upstream(context) as upstream,
        gateway(tmp_path, upstream.port, {"ca": str(authority.ca), "server_name": "orders.internal"}) as running,
    ):
        assert (await get(running)).status == 200
    assert asked == ["orders.internal"]


@pytest.mark.parametrize("fault", ["host", "expired", "authority", "self-signed", "purpose", "system", "old", "plain"])
async def test_a_service_that_does_not(tmp_path: Path, fault: str) -> None:
    """502, no word of why, and not one request."""
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    own = {
        "host": lambda: authority.issue("own", "127.0.0.2", "localhost"),
        "expired": lambda: authority.issue("own", "127.0.0.1", ends=-dt.timedelta(seconds=5)),
        "authority": lambda: other.issue("own", "127.0.0.1"),
        "self-signed": lambda: Authority(tmp_path, "127.0.0.1").itself,
        "purpose": lambda: authority.issue("own", "127.0.0.1", client=True),
    }.get(fault, lambda: authority.issue("own", "127.0.0.1"))()
    context: ssl.SSLContext | None = serving(own)
    assert context is not None
    if fault == "old":
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    tls = {} if fault == "system" else {"ca": str(authority.ca)}
    async with recording_upstream(None if fault == "plain" else context) as upstream:
        async with gateway(tmp_path, upstream.port, tls) as running:
            answer = await get(running)
            expected = (504, "upstream_timeout") if fault == "plain" else (502, "upstream_error")
            assert (answer.status, answer.json["error"]) == expected
            assert b"certificate" not in answer.body.lower()
            assert b"tls" not in answer.body.lower()
        assert upstream.requests == []


async def test_the_handshake_is_part_of_connecting(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    hold: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hold
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with silent, gateway(tmp_path, silent.sockets[0].getsockname()[1], {"ca": str(authority.ca)}) as running:
        answer = await get(running)
        assert (answer.status, answer.json["error"]) == (504, "upstream_timeout")
        hold.set_result(None)


async def test_the_gateway_proves_itself_and_renews_its_certificate(tmp_path: Path) -> None:
    authority, gateways, others = (Authority(tmp_path, name) for name in ("ca", "gateways", "others"))
    own = gateways.issue("gateway", "gateway.internal", client=True)
    context = serving(authority.issue("own", "127.0.0.1"), gateways)
    async with recording_upstream(context) as upstream:
        async with gateway(tmp_path, upstream.port, {"ca": str(authority.ca)}) as running:
            assert (await get(running)).status == 502
        tls = {"ca": str(authority.ca), "client_certificate": own.section}
        async with gateway(tmp_path, upstream.port, tls) as running:
            assert (await get(running)).status == 200
            others.issue("gateway", "gateway.internal", client=True)  # in place of the old one
            (watched,) = running.gateway._renewal._watched
            assert [watched.settled() for _ in range(2)] == [False, True]
            await running.gateway._renewal.renew(watched)
            assert (await get(running)).status == 200  # by the connection that there is
            for writer in list(upstream._writers):
                writer.transport.abort()
            assert (await get(running)).status == 502
    events = logged(tmp_path / "security.log")
    changed = [event["detail"] for event in events if event["event"] == "certificates_changed"]
    assert changed == ["upstream api: loaded"]


@pytest.mark.parametrize("proper", [True, False])
async def test_a_body_until_the_end_needs_a_proper_end(tmp_path: Path, *, proper: bool) -> None:
    """RFC 9112 section 9.8: without TLS's own end, somebody may have cut it short."""
    authority = Authority(tmp_path)

    async def answer(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        if proper:
            conversation.close()
        else:
            conversation.writer.transport.abort()

    async with recording_upstream(serving(authority.issue("own", "127.0.0.1"))) as upstream:
        upstream.answer(answer)
        tls = {"ca": str(authority.ca)}
        async with gateway(tmp_path, upstream.port, tls) as running, connect(running.port) as client:
            await client.send(request("GET", "/"))
            if proper:
                assert (await client.answer()).body == b"all of it"
            else:
                with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                    await client.answer()
