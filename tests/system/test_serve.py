"""`ostiary serve` from outside: processes, signals, health and metrics."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import ssl
from collections import Counter
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import msgspec
import pytest

from tests.support import http1
from tests.support.certificates import Authority
from tests.support.documents import document
from tests.support.gateway import logged
from tests.support.process import ServerFailed
from tests.support.serving import serving, serving_unheard
from tests.support.tokens import key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.nginx import NginxUpstream
    from tests.support.recording import Conversation, RecordingUpstream
    from tests.support.valkey import ValkeyServer

_PATIENT: Final = {"header": "60s", "body": "60s", "idle": "60s"}


async def test_two_workers_count_together(nginx_upstream: NginxUpstream, tmp_path: Path) -> None:
    token = key("RS256").token()
    with serving(document(nginx_upstream.url, server={"workers": 2}), tmp_path) as gateway:
        answers = await asyncio.gather(*(http1.ask(gateway.port, "GET", "/", token=token) for _ in range(20)))
        refused = await http1.ask(gateway.port, "GET", "/")
        metrics = gateway.metrics()
    assert {answer.status for answer in answers} == {200}
    assert (refused.status, refused.json["error"]) == (401, "missing_token")
    requests = {name: value for name, value in metrics.items() if name.startswith("ostiary_requests_total")}
    assert sum(requests.values()) == 21


async def test_many_callers_through_two_workers_never_exceed_the_bucket(
    nginx_upstream: NginxUpstream, valkey_server: ValkeyServer, tmp_path: Path
) -> None:
    """The figure that the limits promise: 1,000 requests at once on a bucket of 100 admit 100 and what refilled.

    Each has a connection of its own, and all are open before the first asks.
    """
    token = key("ES256").token()
    config = document(
        nginx_upstream.url,
        server={"workers": 2, "timeouts": _PATIENT},
        store={"url": valkey_server.url, "prefix": f"many-{uuid4().hex}", "command_timeout": "20s"},
        routes=[{"name": "api", "match": {"path": "/**"}, "upstream": "api", "limit": "calls"}],
        limits={"calls": {"tiers": {"free": {"rate": "1/min", "burst": 100}}}},
    )
    async with AsyncExitStack() as later:
        later.enter_context(open_files(4096))
        gateway = later.enter_context(serving(config, tmp_path))
        clients = [await later.enter_async_context(http1.connect(gateway.port)) for _ in range(1000)]
        answers = await asyncio.gather(*(client.ask("GET", "/", token=token) for client in clients))
    statuses = Counter(answer.status for answer in answers)
    assert statuses.keys() == {200, 429}
    assert 100 <= statuses[200] <= 101  # what refills in a minute; the test takes a few seconds


async def test_sigterm_lets_an_open_request_finish(upstream: RecordingUpstream, tmp_path: Path) -> None:
    release = asyncio.Event()

    async def late(conversation: Conversation) -> None:
        await release.wait()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    upstream.default = late
    with serving(document(upstream.url), tmp_path) as gateway:
        async with http1.connect(gateway.port) as client:
            await client.send(http1.request("GET", "/", token=key().token()))
            await upstream.arrived(1)
            gateway.child.signal(signal.SIGTERM)
            release.set()
            assert (await client.answer()).body == b"late"
        assert await asyncio.to_thread(gateway.child.wait) == 0


async def test_what_a_second_sigterm_cuts_off_is_written_down(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async def never(_: Conversation) -> None:
        await asyncio.Event().wait()

    upstream.default = never
    log = tmp_path / "access.log"
    observe = {"access_log": {"path": str(log)}}
    with serving(document(upstream.url, observe=observe), tmp_path) as gateway:
        async with http1.connect(gateway.port) as client:
            await client.send(http1.request("GET", "/", token=key().token()))
            await upstream.arrived(1)
            gateway.child.signal(signal.SIGTERM)
            gateway.child.signal(signal.SIGINT)
            assert await client.ended()
        assert await asyncio.to_thread(gateway.child.wait) == 0
    (line,) = logged(log)
    assert (line["path"], line["status"], line["ended"]) == ("/", 0, "drain")


async def test_a_worker_that_dies_is_replaced(nginx_upstream: NginxUpstream, tmp_path: Path) -> None:
    token = key().token()
    with serving(document(nginx_upstream.url), tmp_path) as gateway:
        assert (await http1.ask(gateway.port, "GET", "/", token=token)).status == 200
        (worker,) = children(gateway.child.pid)
        os.kill(worker, signal.SIGKILL)
        await asyncio.to_thread(gateway.child.wait_for, "was killed by SIGKILL")
        async with asyncio.timeout(20):
            while not await answers(gateway.port, token):
                pass
        assert children(gateway.child.pid) != [worker]
        assert gateway.metrics()["ostiary_worker_restarts_total"] == 1


async def test_nobody_waits_for_what_is_said_to_be_read(upstream: RecordingUpstream, tmp_path: Path) -> None:
    """Warnings that callers can cause, and news of workers that die, go to a standard error that takes nothing."""
    pair = Authority(tmp_path).issue("own", "a.example")
    tls = {"certificates": [{"certificate": str(pair.certificate), "key": str(pair.key)}]}
    with serving_unheard(document(upstream.url, server={"tls": tls}), tmp_path) as gateway:
        gateway.until_ready()
        for _ in range(12):
            for name in (b"\xff" * 9, b"caf\xe9.exam"):
                await no_name(gateway.port, name)
        trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        async with http1.connect(gateway.port, trusting, "a.example") as client:
            assert (await client.ask("GET", "/")).status == 401
        (worker,) = children(gateway.child.pid)
        os.kill(worker, signal.SIGKILL)
        async with asyncio.timeout(20):
            while (await asyncio.to_thread(gateway.metrics))["ostiary_worker_restarts_total"] < 1:
                pass
        gateway.until_ready()
        gateway.child.signal(signal.SIGTERM)
        assert await asyncio.to_thread(gateway.child.wait) == 0


async def no_name(port: int, name: bytes) -> None:
    """Ask over TLS for `name`, of nine octets, and wait for the refusal."""
    hello, outgoing = ssl.create_default_context(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        hello.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="a.example").do_handshake()
    async with http1.connect(port) as client:
        await client.send(outgoing.read().replace(b"a.example", name))
        async with asyncio.timeout(10):
            assert await client.reader.readexactly(1) == b"\x15"  # an alert (RFC 8446 section 6)


async def test_nothing_outlives_a_supervisor_that_is_killed(nginx_upstream: NginxUpstream, tmp_path: Path) -> None:
    limits = {"calls": {"tiers": {"free": {"rate": "1/s", "burst": 1}}}}
    with serving(document(nginx_upstream.url, server={"workers": 2}, limits=limits), tmp_path) as gateway:
        offspring = children(gateway.child.pid)
        assert len(offspring) == 3  # two workers and the embedded Valkey
        endings = [os.pidfd_open(pid) for pid in offspring]
        gateway.child.signal(signal.SIGKILL)
        for ending in endings:
            await readable(ending)
            os.close(ending)


def test_health(nginx_upstream: NginxUpstream, tmp_path: Path) -> None:
    with serving(document(nginx_upstream.url), tmp_path) as gateway:
        assert msgspec.json.decode(gateway.admin("/health/live"))["live"] is True
        ready = msgspec.json.decode(gateway.until_ready())
    assert (ready["ready"], ready["workers"]["ready"], ready["issuers"]["tests"]["keys"]) == (True, 1, 3)


def test_a_configuration_with_faults_is_told_and_ends_with_2(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match=r"ostiary\.yaml:"), serving({"upstreams": {}, "rutes": []}, tmp_path):
        pass


@contextmanager
def open_files(count: int) -> Iterator[None]:
    """Let this process, and those that it starts, have so many files open for as long as the block lasts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def children(pid: int) -> list[int]:
    """Return the children of a process, as Linux tells them."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def answers(port: int, token: str) -> bool:
    try:
        return (await http1.ask(port, "GET", "/", token=token)).status == 200
    except OSError:
        await asyncio.sleep(0.02)  # a process of its own is awaited, there is no event to wait for
        return False


async def readable(fd: int) -> None:
    """Return once `fd` can be read."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    loop.add_reader(fd, ended.set_result, None)
    try:
        async with asyncio.timeout(20):
            await ended
    finally:
        loop.remove_reader(fd)
