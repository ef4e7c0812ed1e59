"""A real cluster: servers on loopback, the hash slots shared out among them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from tests.support.valkey import valkey_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.valkey import ValkeyServer

_SLOTS = 16384


@asynccontextmanager
async def cluster(count: int) -> AsyncIterator[list[ValkeyServer]]:
    """Run `count` masters for as long as the block lasts."""
    async with AsyncExitStack() as stack:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", "0")
        nodes = [stack.enter_context(valkey_server(*options)) for _ in range(count)]
        clients = [await stack.enter_async_context(Redis(port=node.port)) for node in nodes]
        for place, client in enumerate(clients):
            first, last = place * _SLOTS // count, (place + 1) * _SLOTS // count - 1
            await _say(client, "ADDSLOTSRANGE", first, last)
            await _say(client, "SET-CONFIG-EPOCH", place + 1)
        for node in nodes[1:]:
            await _say(clients[0], "MEET", "127.0.0.1", node.port)
        async with asyncio.timeout(20):
            for client in clients:
                await _until_whole(client, count)
        yield nodes


async def _until_whole(client: Redis, count: int) -> None:
    wanted = {b"cluster_state:ok", b"cluster_known_nodes:%d" % count}
    while not wanted <= set((await _say(client, "INFO")).split(b"\r\n")):  # noqa: ASYNC110  # as it says below
        await asyncio.sleep(0.05)  # a server tells of its cluster only when asked


async def _say(client: Redis, *words: str | int) -> bytes:
    reply = await client.execute_command("CLUSTER", *words)  # type: ignore[no-untyped-call]  # not annotated
    return bytes(reply)
