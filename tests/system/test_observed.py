"""What an operator sees of a gateway in trouble, and what nobody may see."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from typing import TYPE_CHECKING

from tests.support import http1
from tests.support.documents import document
from tests.support.serving import serving
from tests.support.tokens import key
from tests.system.test_serve import children

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.nginx import NginxUpstream


async def test_a_worker_that_is_blocked_for_two_seconds_is_seen_and_left_alone(
    nginx_upstream: NginxUpstream, tmp_path: Path
) -> None:
    """Case FP6."""
    with serving(document(nginx_upstream.url), tmp_path) as gateway:
        await until(lambda: gateway.metrics()['ostiary_workers{state="ready"}'] == 1)  # its heart beats
        (worker,) = children(gateway.child.pid)
        os.kill(worker, signal.SIGSTOP)
        resumed = asyncio.get_running_loop().call_later(2.0, os.kill, worker, signal.SIGCONT)
        while asyncio.get_running_loop().time() < resumed.when():
            await asyncio.to_thread(gateway.admin, "/health/live")  # raises for any other answer than 200
        await until(lambda: gateway.metrics()["ostiary_event_loop_lag_max_seconds"] > 1.0)
        assert gateway.metrics()["ostiary_worker_restarts_total"] == 0
        assert children(gateway.child.pid) == [worker]


async def test_a_full_volume_and_a_hung_reader_cost_lines_and_no_requests(
    nginx_upstream: NginxUpstream, tmp_path: Path
) -> None:
    """Cases FD1 and L5: the access log's volume is full, and nobody reads the pipe of the security log."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDWR | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(reader, b"x" * 4096)
    observe = {"access_log": {"path": "/dev/full"}, "security_log": {"path": str(tmp_path / "pipe")}}
    with serving(document(nginx_upstream.url, observe=observe), tmp_path) as gateway:
        async with http1.connect(gateway.port) as client:
            for _ in range(500):
                assert (await client.ask("GET", "/", token=key().token())).status == 200
                assert (await client.ask("GET", "/", token="forged")).status == 401
        dropped = 'ostiary_log_lines_dropped_total{log="access"}'
        await until(lambda: gateway.metrics()[dropped] == 1000)
        assert gateway.metrics()['ostiary_security_events_total{event="token_invalid"}'] == 500
    os.close(reader)


async def test_secrets_leave_no_trace(nginx_upstream: NginxUpstream, tmp_path: Path) -> None:
    """Cases L1 and L3: whatever carries a canary, and however it fails, no log, metric or answer repeats it."""
    limits = {"calls": {"tiers": {"free": {"rate": "1/s", "burst": 1}}}}
    routes = [{"name": "api", "match": {"path": "/**"}, "upstream": "api", "limit": "calls"}]
    store = {"url": "valkey://:canary-password@127.0.0.1:1"}
    good = key("RS256").token()
    fields = {"Cookie": "session=canary-cookie", "X-User-Id": "canary-header"}
    tokens = (good, "canary.canary.canary", good[:-8] + "canarycc")
    with serving(document(nginx_upstream.url, limits=limits, routes=routes, store=store), tmp_path) as gateway:
        answers = [
            await http1.ask(gateway.port, "GET", "/a?token=canary-query", token=token, headers=fields)
            for token in tokens
        ]
        answers.append(await http1.ask(gateway.port, "GET", "/%1b%5b2J%0acanary-path"))
        seen = [gateway.admin(path).decode() for path in ("/metrics", "/health/live")]
        gateway.child.signal(signal.SIGTERM)
        assert await asyncio.to_thread(gateway.child.wait) == 0
        seen.append(gateway.child.log)
    assert [answer.status for answer in answers] == [503, 401, 401, 400]
    assert '"reason":"limiter_unavailable"' in seen[-1]
    assert '"event":"store_unavailable"' in seen[-1]
    seen += [answer.body.decode() for answer in answers]
    for text in seen:
        assert "canary" not in text
        assert good.rpartition(".")[2] not in text
        assert "\x1b" not in re.sub(r"\x1b\[\d+m", "", text)  # but for the banner's own


async def until(holds: Callable[[], bool]) -> None:
    """Return once `holds` does: of another process, there is no event to wait for."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # as it says above
            await asyncio.sleep(0.05)
