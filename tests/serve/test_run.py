from __future__ import annotations

import asyncio
import os
import re
import signal
import socket

import aiohttp
import click
import pytest

from ostiary.config.model import Config
from ostiary.serve.run import serve
from ostiary.serve.supervisor import CannotServe
from tests.support.documents import document


async def test_up_and_down_in_order() -> None:
    said = asyncio.Queue[str]()
    config = Config.model_validate(document("http://127.0.0.1:1"), context={})
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        serving = group.create_task(serve(config, said.put_nowait))
        banner = click.unstyle(await said.get())
        gateway, admin = re.findall(r"http://127.0.0.1:(\d+)", banner)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{gateway}/") as answer:
                assert answer.status == 401
            async with session.get(f"http://127.0.0.1:{admin}/metrics") as answer:
                assert 'reason="missing_token",route="api"} 1.0' in await answer.text()
        os.kill(os.getpid(), signal.SIGHUP)
        assert "SIGHUP is ignored" in await said.get()
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(gateway)), timeout=5)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().remove_signal_handler(number)


@pytest.mark.parametrize("section, named", [("server", "The gateway"), ("admin", "The admin listener")])
async def test_a_port_in_use_is_told_before_anything_starts(section: str, named: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        taken = {section: {"listen": f"127.0.0.1:{owner.getsockname()[1]}"}}
        config = Config.model_validate(document("http://127.0.0.1:1") | taken, context={})
        with pytest.raises(CannotServe) as refused:
            await serve(config, lambda _: None)
    at = f"{taken[section]['listen']} ({section}.listen)"
    assert str(refused.value) == f"{named} cannot listen on {at}: Address already in use."
