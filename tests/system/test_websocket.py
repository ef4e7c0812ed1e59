"""WebSockets through whole gateways: over TLS on both sides, many idle ones, and at shutdown."""

from __future__ import annotations

import asyncio
import signal
import ssl
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support import http1
from tests.support.certificates import Authority
from tests.support.documents import document
from tests.support.serving import serving
from tests.support.websocket import echo_service, handshake

if TYPE_CHECKING:
    from pathlib import Path

ROUTE: Final = {"name": "ws", "match": {"path": "/**"}, "upstream": "api", "websocket": True, "anonymous": True}


async def test_over_tls_on_both_sides(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("own", "localhost")
    service = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    service.load_cert_chain(pair.certificate, pair.key)
    trusting = ssl.create_default_context(cafile=str(authority.ca))
    async with echo_service(ssl=service) as url:
        port = url.rpartition(":")[2]
        upstreams = {"api": {"targets": [f"https://localhost:{port}"], "tls": {"ca": str(authority.ca)}}}
        server = {"tls": {"certificates": [pair.section]}}
        with serving(document(url, upstreams=upstreams, routes=[ROUTE], server=server), tmp_path) as gateway:
            async with connect(f"wss://localhost:{gateway.port}/", ssl=trusting, max_size=None) as client:
                for message in ("hello", "x" * 3_000_000):
                    await client.send(message)
                    assert await client.recv() == message
            assert client.close_code == 1000
            async with connect(f"wss://localhost:{gateway.port}/", ssl=trusting) as client:
                gateway.child.signal(signal.SIGTERM)
                async for _ in client:
                    pass
                assert client.close_code == 1001
        assert await asyncio.to_thread(gateway.child.wait) == 0


async def test_fp3_clients_that_do_not_answer_do_not_delay_the_exit(tmp_path: Path) -> None:
    async with echo_service() as url:
        with serving(document(url, routes=[ROUTE], server={"drain": "500ms"}), tmp_path) as gateway:
            async with http1.connect(gateway.port) as client:
                await client.send(handshake())
                await http1.read_head(client.reader)
                started = time.monotonic()
                gateway.child.signal(signal.SIGTERM)
                assert await client.reader.readexactly(4) == b"\x88\x02\x03\xe9"
                assert await asyncio.to_thread(gateway.child.wait) == 0
                assert time.monotonic() - started < 5


async def test_a_thousand_idle_ones(tmp_path: Path) -> None:
    """All of them at once, each still alive; and nothing is left of them."""
    count = 1000
    async with echo_service() as url:
        with serving(document(url, routes=[ROUTE]), tmp_path) as gateway:
            uri = f"ws://127.0.0.1:{gateway.port}/"
            clients = []
            for _ in range(count // 50):
                clients += await asyncio.gather(
                    *(connect(uri, compression=None, ping_interval=None) for _ in range(50))
                )
            assert gateway.metrics()["ostiary_websockets"] == count
            for client in clients:
                await client.send("hello")
            assert {await client.recv() for client in clients} == {"hello"}
            for client in clients:
                client.transport.abort()
            async with asyncio.timeout(20):
                while (await asyncio.to_thread(gateway.metrics))["ostiary_websockets"]:
                    pass
            metrics = gateway.metrics()
            assert metrics["ostiary_websockets_opened_total"] == count
            assert metrics["ostiary_client_connections"] == 0
    for client in clients:
        with suppress(ConnectionClosed):
            await client.close()
