from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from redis.asyncio import Redis

from ostiary.serve.embedded import embedded_store
from ostiary.serve.supervisor import CannotServe
from ostiary.stores.embedded import EmbeddedValkey
from ostiary.stores.protocol import StoreUnavailable


async def server_pid(socket: str) -> int:
    async with Redis(unix_socket_path=socket) as client:
        return int((await client.info("server"))["process_id"])


async def test_it_is_started_again_at_the_same_place_and_leaves_nothing_behind() -> None:
    said = asyncio.Queue[str]()
    async with embedded_store(said.put_nowait) as store:
        socket = store.url.get_secret_value().decode().removeprefix("unix://")
        first = await server_pid(socket)
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(10):
            assert "The embedded Valkey ended (status -9); starting another in 0.1 s." in await said.get()
            # Of another process, there is no event to wait for.
            while (second := await attempt(socket)) is None:  # noqa: ASYNC110  # as it says above
                await asyncio.sleep(0.01)
        assert second != first
    assert not Path(socket).parent.exists()
    assert said.empty()


async def attempt(socket: str) -> int | None:
    try:
        return await server_pid(socket)
    except (ConnectionError, OSError):
        return None


async def test_one_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def start(_self: EmbeddedValkey) -> None:
        raise StoreUnavailable("no memory")

    monkeypatch.setattr(EmbeddedValkey, "start", start)
    with pytest.raises(CannotServe, match="no memory"):
        async with embedded_store(lambda _: None):
            pass
