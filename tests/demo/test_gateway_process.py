from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from ostiary.demo.gateway_process import GatewayFailed, gateway_process
from ostiary.demo.loopback import HOST, bind, port_of, serving

if TYPE_CHECKING:
    from pathlib import Path

PAUSE = (sys.executable, "-c", "import signal; signal.pause()")


async def test_it_is_ready_when_the_health_page_says_so(tmp_path: Path) -> None:
    statuses = iter([503, 503, 200])
    app = web.Application()

    async def health(_request: web.Request) -> web.Response:
        return web.Response(status=next(statuses))

    app.router.add_get("/health/ready", health)
    sock = bind(0)
    async with serving(app, sock), gateway_process(PAUSE, tmp_path / "log") as gateway:
        await gateway.ready(f"http://{HOST}:{port_of(sock)}/health/ready", 5.0)
    assert next(statuses, None) is None


async def test_one_that_dies_says_why(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "print('the reason'); raise SystemExit(2)")
    with bind(0) as sock:
        async with gateway_process(command, tmp_path / "log") as gateway:
            with pytest.raises(GatewayFailed, match=r"stopped while starting.\nthe reason"):
                await gateway.ready(f"http://{HOST}:{port_of(sock)}/", 10.0)


async def test_one_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    with bind(0) as sock:
        async with gateway_process(PAUSE, tmp_path / "log") as gateway:
            with pytest.raises(GatewayFailed, match=r"not ready after 0.2 s.\n\(it wrote nothing\)"):
                await gateway.ready(f"http://{HOST}:{port_of(sock)}/", 0.2)


async def test_nothing_of_it_is_left(tmp_path: Path) -> None:
    """A grandchild that ignores SIGTERM holds the pipe's writing end for as long as it lives."""
    fifo = tmp_path / "alive"
    grandchild = (
        f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); f = open({str(fifo)!r}, 'w');"
        "f.write('up\\n'); f.flush(); signal.pause()"
    )
    child = f"import subprocess, sys, signal; subprocess.Popen([sys.executable, '-c', {grandchild!r}]); signal.pause()"
    os.mkfifo(fifo)
    async with gateway_process((sys.executable, "-c", child), tmp_path / "log"):
        reader = await asyncio.to_thread(fifo.open)
        with reader:
            assert await asyncio.to_thread(reader.readline) == "up\n"
            held = os.dup(reader.fileno())
    with os.fdopen(held) as rest:
        assert await asyncio.wait_for(asyncio.to_thread(rest.read), 5.0) == ""
