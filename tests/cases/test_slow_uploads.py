"""Clients that do not send their requests on, and others who wait: whose are cut, when, and whose are not."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.wire import wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.http1 import Answer, Client
    from tests.support.recording import Conversation
    from tests.support.wire import Wire

POST = b"POST /up HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 100000\r\n\r\n"
FAR = "127.0.0.2"
APART = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"]


class Crowded:
    """A gateway whose upstream has four connections, and the clients that have one each."""

    def __init__(self, gate: Wire, slow: list[Client]) -> None:
        self.gate = gate
        self.slow = slow

    def told(self, name: str) -> float:
        return self.gate.running.metrics.snapshot().values[f"ostiary_upstream_{name}"]["api",]

    async def pass_time(self, *steps: float) -> None:
        for seconds in steps:
            self.gate.pass_time(seconds)
            await self.gate.settle(lambda: self.told("waiting"))

    async def asks(self) -> asyncio.Task[Answer]:
        """Have another client ask, who may have to wait."""

        async def ask() -> Answer:
            async with self.gate.connect() as client:
                return await client.ask("GET", "/")

        task = asyncio.ensure_future(ask())
        await self.gate.settle(lambda: self.told("waiting"), task.done)
        return task


@asynccontextmanager
async def crowded(folder: Path, *slow: str, **upstream: object) -> AsyncIterator[Crowded]:
    """Have a client at each of the addresses `slow` that has sent the head of a request, and was looked at."""
    async with (
        asyncio.timeout(30),
        wire(folder, upstream={"connections": 4, **upstream}) as gate,
        AsyncExitStack() as stack,
    ):
        clients = [await stack.enter_async_context(gate.connect(address)) for address in slow]
        for client in clients:
            await client.send(POST)
        await gate.settle(lambda: gate.running.metrics.upstream("api").connections.value)
        gate.pass_time(0.25)
        yield Crowded(gate, clients)


@pytest.mark.parametrize("slow", [[FAR] * 4, APART])
async def test_slow_uploads_keep_nobody_out(tmp_path: Path, slow: list[str]) -> None:
    strict = {"circuit": {"failures": 1}, "health": {"failures": 1}}
    async with crowded(tmp_path, *slow, **strict) as api:
        await api.pass_time(1.0)
        assert (api.told("connections"), api.told("held_up"), api.told("uploads_cut_total")) == (4, 4, 0)
        for _ in range(3):
            assert (await (await api.asks())).status == 200
        assert (api.told("uploads_cut_total"), api.told("answers_cut_total"), api.told("held_up")) == (1, 0, 3)
        cut = [asyncio.ensure_future(client.answer()) for client in api.slow]
        done, left = await asyncio.wait(cut, return_when=asyncio.FIRST_COMPLETED)
        assert [one.result().status for one in done] == [408]
        assert api.told("circuit_open") == 0, "nothing is held against the service"
        for one in left:
            one.cancel()


async def test_who_waits_while_the_grace_passes_is_served_at_its_end(tmp_path: Path) -> None:
    async with crowded(tmp_path, *[FAR] * 4) as api:
        asked = await api.asks()
        await api.pass_time(0.9)
        assert (asked.done(), api.told("waiting")) == (False, 1)
        await api.pass_time(0.2, 0.01)
        assert (await asked).status == 200


async def test_slow_uploads_keep_their_share(tmp_path: Path) -> None:
    async with crowded(tmp_path, *APART, slow_clients={"share": 1}) as api:
        await api.pass_time(1.0)
        asked = await api.asks()
        await api.pass_time(2.1)
        assert ((await asked).status, api.told("uploads_cut_total")) == (503, 0)


async def test_who_sends_on_is_not_cut(tmp_path: Path) -> None:
    async with crowded(tmp_path, *[FAR] * 4) as api:
        for _ in range(2):
            for client in api.slow:
                await client.send(bytes(20_000))
            await api.pass_time(0.9)
        assert api.told("held_up") == 0


async def test_a_request_that_is_complete_waits_for_the_service(tmp_path: Path) -> None:
    """Though it was late."""

    async def silence(conversation: Conversation) -> None:
        await conversation.reader.read()

    async with crowded(tmp_path, *[FAR] * 4) as api:
        api.gate.upstream.default = silence
        await api.pass_time(1.0)
        assert api.told("held_up") == 4
        for client in api.slow:
            await client.send(bytes(100_000))
        await api.gate.settle(lambda: api.told("held_up"))
        assert api.told("held_up") == 0
        asked = await api.asks()
        await api.pass_time(1.5, 0.6)
        assert ((await asked).status, api.told("uploads_cut_total")) == (503, 0)


async def test_who_leaves_holds_nothing_up(tmp_path: Path) -> None:
    async with crowded(tmp_path, FAR) as api:
        await api.pass_time(1.0)
        assert api.told("held_up") == 1
        api.slow[0].writer.transport.abort()
        await api.gate.settle(lambda: api.told("held_up"))
        assert api.told("held_up") == 0
