from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from ostiary.config.model import Config
from ostiary.serve.messages import dump_config
from ostiary.serve.process import WorkerProcess
from tests.support import http1
from tests.support.documents import document
from tests.support.tokens import key
from tests.support.valkey import valkey_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.documents import Document
    from tests.support.recording import Conversation, RecordingUpstream


class Life:
    """A real worker: `listening` is set when it is ready, `code` is its exit code to come."""

    def __init__(self, worker: WorkerProcess) -> None:
        self.worker = worker
        self.listening = asyncio.Event()
        self.code = asyncio.create_task(worker.attend(self.listening.set))


@asynccontextmanager
async def living(written: Document) -> AsyncIterator[Life]:
    config = Config.model_validate(written, context={})
    life = Life(await WorkerProcess.spawn(0, dump_config(config), time.monotonic))
    try:
        async with asyncio.timeout(20):
            yield life
    finally:
        life.worker.kill()
        await life.code


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def test_a_worker_serves_tells_its_state_and_drains(
    port: int, tmp_path: Path, upstream: RecordingUpstream
) -> None:
    log = tmp_path / "access.log"
    written = document(upstream.url, server={"listen": f"127.0.0.1:{port}"})
    async with living(written | {"observe": {"access_log": {"path": str(log)}}}) as life:
        began = time.monotonic()
        await life.listening.wait()
        assert time.monotonic() - began < 5  # a second where nothing else runs
        assert (await http1.ask(port, "GET", "/a?secret=canary", token=key().token())).status == 200
        snapshot = await life.worker.collect()
        assert snapshot.values["ostiary_requests_total"] == {("api", "allowed", "2xx"): 1}
        assert life.worker.status is not None
        assert life.worker.status.ready
        life.worker.drain(5)
        assert await life.code == 0
        assert b'"path":"/a","status":200' in log.read_bytes()
        assert b"canary" not in log.read_bytes()


async def test_a_worker_that_drains_can_be_told_to_be_quicker(
    port: int, tmp_path: Path, upstream: RecordingUpstream
) -> None:
    async def never(_: Conversation) -> None:
        await asyncio.Event().wait()

    upstream.default = never
    observe = {"access_log": {"path": str(tmp_path / "access.log")}}
    async with living(document(upstream.url, server={"listen": f"127.0.0.1:{port}"}, observe=observe)) as life:
        await life.listening.wait()
        async with http1.connect(port) as client:
            await client.send(http1.request("GET", "/", token=key().token()))
            await upstream.arrived(1)
            life.worker.drain(3600)
            life.worker.drain(0)
            assert await client.ended()
            assert await life.code == 0
    assert b'"ended":"drain"' in (tmp_path / "access.log").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
async def test_what_a_terminal_sends_is_not_for_workers(number: int, port: int) -> None:
    async with living(document("http://127.0.0.1:1", server={"listen": f"127.0.0.1:{port}"})) as life:
        await life.listening.wait()
        os.kill(life.worker.pid, number)
        await life.worker.collect()
        os.kill(life.worker.pid, signal.SIGTERM)
        assert await life.code == 0


async def test_without_its_supervisor_a_worker_ends(port: int) -> None:
    async with living(document("http://127.0.0.1:1", server={"listen": f"127.0.0.1:{port}"})) as life:
        await life.listening.wait()
        await life.worker._channel.close()
        assert await life.worker._process.wait() == 0


async def test_an_address_in_use_is_told(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        async with living(document("http://127.0.0.1:1", server={"listen": f"127.0.0.1:{port}"})) as life:
            assert await life.code == 1
            assert "in use" in life.worker.failure


@pytest.mark.parametrize("logs", [["access_log"], ["security_log"], ["access_log", "security_log"]])
async def test_every_log_that_cannot_be_opened_is_told(port: int, logs: list[str]) -> None:
    observe = {log: {"path": f"/nonexistent/{log}"} for log in logs}
    async with living(document("http://127.0.0.1:1", server={"listen": f"127.0.0.1:{port}"}, observe=observe)) as life:
        assert await life.code == 1
        assert life.worker.failure == "; ".join(
            f"observe.{log}.path: /nonexistent/{log} cannot be opened: No such file or directory" for log in logs
        )


async def test_a_store_that_does_not_know_our_password_is_told(port: int) -> None:
    with valkey_server("--requirepass", "another") as server:
        store = {"url": server.url.replace("://", "://:canary@")}
        async with living(document("http://127.0.0.1:1", server={"listen": f"127.0.0.1:{port}"}, store=store)) as life:
            assert await life.code == 1
            assert "refuses the user or password" in life.worker.failure
            assert "canary" not in life.worker.failure
