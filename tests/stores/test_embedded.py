from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from pathlib import Path

import pytest
from pydantic import SecretBytes
from redis.asyncio import Redis

from ostiary.config.model import Store
from ostiary.stores.embedded import EmbeddedValkey
from ostiary.stores.protocol import StoreUnavailable
from ostiary.stores.valkey import ValkeyStore

PARENT = """
import asyncio, sys
from ostiary.stores.embedded import EmbeddedValkey

async def main():
    async with EmbeddedValkey() as server:
        print(server.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_it_is_private_bounded_and_gone_afterwards() -> None:
    async with EmbeddedValkey(maxmemory=8 * 1024 * 1024) as server:
        path = Path(server.url.removeprefix("unix://"))
        assert _mode(path) == _mode(path.parent) == 0o700
        async with Redis(unix_socket_path=str(path)) as client:
            settings = await client.config_get("*")
            assert settings["port"] == "0"
            assert settings["save"] == ""
            assert settings["appendonly"] == "no"
            assert settings["maxmemory"] == str(8 * 1024 * 1024)
            assert settings["maxmemory-policy"] == "volatile-ttl"
        pid = server.pid
    assert _mode(path.parent) is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_flood_forgets_the_fullest_buckets_not_the_drained() -> None:
    async with EmbeddedValkey(maxmemory=4 * 1024 * 1024) as server:
        store = ValkeyStore(Store(url=SecretBytes(server.url.encode()), command_timeout=10.0))
        await store.start()
        await store.take("drained", 0.001, 10, 10.0, 0.0)
        for start in range(0, 40_000, 1000):
            flood = (store.take(f"flood {number}", 0.001, 10, 1.0, 0.0) for number in range(start, start + 1000))
            assert all(taken.allowed for taken in await asyncio.gather(*flood))
        assert not (await store.take("drained", 0.001, 10, 1.0, 0.0)).allowed
        async with Redis(unix_socket_path=server.url.removeprefix("unix://")) as client:
            assert (await client.info("stats"))["evicted_keys"] > 1000
        await store.close()


async def test_killed_it_can_be_started_again_in_its_place() -> None:
    async with EmbeddedValkey() as server:
        first, url = server.pid, server.url
        os.kill(first, signal.SIGKILL)
        assert await server.wait() == -signal.SIGKILL
        await server.start()
        assert server.pid != first
        assert server.url == url
        store = ValkeyStore(Store(url=SecretBytes(url.encode()), command_timeout=5.0))
        await store.start()
        assert store.healthy()
        await store.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
async def test_it_dies_with_its_parent_however_that_dies() -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(5):
        while _runs(pid):  # noqa: ASYNC110 - it is not our child, nothing tells
            await asyncio.sleep(0.01)


async def test_a_server_that_cannot_start_is_said_to_be_so() -> None:
    server = EmbeddedValkey(maxmemory=-1)
    with pytest.raises(StoreUnavailable):
        await server.start()
    await server.stop()


async def test_never_started_it_has_no_address() -> None:
    server = EmbeddedValkey()
    with pytest.raises(RuntimeError):
        _ = server.url
    with pytest.raises(RuntimeError):
        _ = server.pid
    with pytest.raises(RuntimeError):
        await server.wait()


def _mode(path: Path) -> int | None:
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
