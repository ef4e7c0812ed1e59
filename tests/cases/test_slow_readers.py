"""Clients that do not take their answers, and others who wait: whose answers are cut, when, and whose are not."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.gateway import logged
from tests.support.http1 import request
from tests.support.readers import LARGE, SIZE, read, reader, take
from tests.support.websocket import SWITCH, frame, handshake
from tests.support.wire import OPEN, Wire, wire

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from tests.support.http1 import Answer
    from tests.support.recording import Conversation

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%b\r\n" % (SIZE, bytes(SIZE))
HERE = "127.0.0.1"
FAR = "127.0.0.2"
APART = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"]
WEBSOCKET = [{**OPEN[0], "websocket": True}]


def get(target: str = "/large", caller: str = "", method: str = "GET") -> bytes:
    return request(method, target, headers={"X-Forwarded-For": caller} if caller else {})


async def by_path(conversation: Conversation) -> None:
    """Answer with more than anyone keeps for a client where that is asked for, or not at all, else with two octets."""
    received = conversation.request
    match received.method, received.target:
        case "GET", "/large":
            await conversation.send(LARGE)
        case "GET", "/chunks":
            await conversation.send(CHUNKED)
            await conversation.send(b"0\r\n\r\n")
        case "HEAD", _:
            await conversation.send(LARGE[:-SIZE])
        case _, "/silence":
            await conversation.reader.read()
        case _, "/nothing":
            await conversation.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        case _, "/ws":
            await conversation.send(SWITCH + b"\r\n" + frame(bytes(SIZE)))
            await conversation.reader.read()
        case _:
            await conversation.send(OK)


class Crowded:
    """A gateway whose upstream has four connections, and the slow clients that have one each."""

    def __init__(self, gate: Wire, slow: list[socket.socket]) -> None:
        self.gate = gate
        self.slow = slow
        self._asking: list[asyncio.Task[Answer]] = []

    @property
    def cut(self) -> float:
        return self.told("answers_cut_total")

    def told(self, name: str) -> float:
        return self.gate.running.metrics.snapshot().values[f"ostiary_upstream_{name}"]["api",]

    async def asks(self, sent: bytes) -> asyncio.Task[Answer]:
        """Have a client ask, who may have to wait, from `HERE`."""

        async def ask() -> Answer:
            async with self.gate.connect() as client:
                await client.send(sent)
                return await client.answer(head_only=sent.startswith(b"HEAD"))

        task = asyncio.ensure_future(ask())
        await self.gate.settle(lambda: self.told("waiting"), lambda: self.cut, task.done)
        return task

    async def pass_time(self, seconds: float) -> None:
        self.gate.pass_time(seconds)
        await self.gate.settle(lambda: self.told("waiting"), lambda: self.cut)


@asynccontextmanager
async def crowded(
    folder: Path, slow: Sequence[str] = (), sent: Sequence[bytes] = (), *,
    server: Mapping[str, object] | None = None, **upstream: object,
) -> AsyncIterator[Crowded]:  # fmt: skip
    """Have a slow client at each of the addresses `slow`, which has sent its part of `sent`, or asked for /large."""
    async with (
        asyncio.timeout(30),
        wire(folder, server=server, upstream={"connections": 4, **upstream}, routes=WEBSOCKET) as gate,
        AsyncExitStack() as stack,
    ):
        gate.upstream.default = by_path
        readers = []
        for number, address in enumerate(slow):
            raw = sent[number] if sent else get()
            readers.append(await stack.enter_async_context(reader(gate.running.port, raw, address=address)))
            await gate.settle(lambda: len(gate.running.gateway._pools["api"].held_up))
        yield Crowded(gate, readers)


# Others are served.


async def test_a_crowd_of_slow_readers_keeps_nobody_else_out(tmp_path: Path) -> None:
    async with crowded(tmp_path, [FAR] * 4) as api:
        assert api.told("held_up") == 4
        for _ in range(3):
            assert (await (await api.asks(get("/")))).status == 200
        assert (api.cut, api.told("held_up"), api.told("connections")) == (1, 3, 4)
        assert api.gate.upstream.connections == 5, "the connection that has come free is used again"
        assert await take(api.slow[0], SIZE) < SIZE, "the one that was held up for longest has broken off"
        for left in api.slow[1:]:
            assert await take(left, SIZE) == SIZE
    answered = [(line["path"], line["status"]) for line in logged(api.gate.running.access_log)]
    assert answered[:4] == [("/large", 200)] + 3 * [("/", 200)]


async def test_a_crowd_waits_for_its_grace_behind_itself(tmp_path: Path) -> None:
    async with crowded(tmp_path, [HERE] * 4) as api:
        asked = await api.asks(get("/"))
        await api.pass_time(0.9)
        assert (asked.done(), api.cut, api.told("waiting")) == (False, 0, 1)
        await api.pass_time(0.2)
        assert (await asked).status == 200
        assert (api.cut, api.told("waiting")) == (1, 0)


async def test_a_crowd_from_everywhere_has_its_grace_too(tmp_path: Path) -> None:
    async with crowded(tmp_path, APART) as api:
        asked = await api.asks(get("/"))
        assert (asked.done(), api.cut) == (False, 0)
        await api.pass_time(1.1)
        assert (await asked).status == 200
        assert api.cut == 1


async def test_once_the_grace_is_over_nobody_waits_for_it(tmp_path: Path) -> None:
    async with crowded(tmp_path, APART) as api:
        await api.pass_time(1.1)
        assert api.cut == 0, "as long as nobody waits, a client may be slow"
        assert (await (await api.asks(get("/")))).status == 200
        assert api.cut == 1


async def test_as_many_are_cut_as_wait(tmp_path: Path) -> None:
    async with crowded(tmp_path, [FAR] * 4) as api:
        asked = [await api.asks(get("/silence")) for _ in range(2)]
        await api.pass_time(0.5)
        assert (api.cut, api.told("waiting"), len(api.gate.upstream.requests)) == (2, 0, 6)
        for one in asked:
            one.cancel()


async def test_who_does_not_wait_any_longer_costs_nobody_anything(tmp_path: Path) -> None:
    async with crowded(tmp_path, APART) as api:
        async with api.gate.connect() as client:
            await client.send(get("/"))
            await api.gate.settle(lambda: api.told("waiting"))
            assert api.told("waiting") == 1
        await api.gate.settle(lambda: api.told("waiting"))
        await api.pass_time(1.5)
        assert api.cut == 0
        for each in api.slow:
            assert await take(each, SIZE) == SIZE


async def test_a_network_that_crowds_waits_behind_others(tmp_path: Path) -> None:
    """Whoever is cut may come back at once: it must not be faster than those that it was cut for."""
    async with (
        crowded(tmp_path, [FAR] * 4, slow_clients={"share": 1}) as api,
        reader(api.gate.running.port, get("/again"), address=FAR),
    ):
        await api.gate.settle(lambda: api.told("waiting"))
        assert (await (await api.asks(get("/")))).status == 200
        await api.gate.settle()
        assert [each.target for each in api.gate.upstream.requests] == [*["/large"] * 3, "/"]
        for one in api.slow[:2]:  # it crowds no more once these are through
            assert await take(one, SIZE) == SIZE
        await api.gate.settle(lambda: api.told("waiting"))
        assert [each.target for each in api.gate.upstream.requests[4:]] == ["/large", "/again"]


async def test_a_network_that_crowds_leaves_some_connections_to_others(tmp_path: Path) -> None:
    """So that they need not wait, each time, until one of its answers is cut and a new connection is made."""
    async with crowded(tmp_path, [FAR] * 14, connections=16) as api, AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(reader(api.gate.running.port, get(), address=FAR))
        await api.gate.settle(lambda: api.told("waiting"))
        assert (api.told("held_up"), api.told("waiting"), api.told("connections")) == (14, 3, 14)
        for _ in range(3):
            assert (await (await api.asks(get("/")))).status == 200
        assert (api.cut, api.told("connections"), api.told("waiting")) == (0, 15, 3)
        for slow in api.slow[:12]:
            assert await take(slow, SIZE) == SIZE
        await api.gate.settle(lambda: api.told("waiting"))
        assert (api.cut, api.told("waiting")) == (0, 0)


# Who pays.


async def test_slow_clients_keep_their_share(tmp_path: Path) -> None:
    async with crowded(tmp_path, APART) as api:
        await api.pass_time(1.1)
        asked = [await api.asks(get("/silence")) for _ in range(3)]
        await api.pass_time(1.0)
        assert (api.cut, api.told("waiting")) == (2, 1)
        await api.pass_time(1.5)
        assert (await asked.pop()).status == 503
        assert (api.cut, api.told("held_up")) == (2, 2)
        for one in asked:
            one.cancel()


async def test_the_share_can_be_chosen(tmp_path: Path) -> None:
    async with crowded(tmp_path, APART, slow_clients={"share": 1}) as api:
        await api.pass_time(1.1)
        asked = await api.asks(get("/"))
        await api.pass_time(2.1)
        assert ((await asked).status, api.cut) == (503, 0)


async def test_the_network_that_holds_up_most_pays_first(tmp_path: Path) -> None:
    async with crowded(tmp_path, [*APART[:2], APART[2], APART[2]]) as api:
        await api.pass_time(1.1)
        assert (await (await api.asks(get("/")))).status == 200
        assert api.cut == 1
        assert await take(api.slow[2], SIZE) < SIZE


async def test_callers_are_told_apart_behind_a_trusted_proxy(tmp_path: Path) -> None:
    """The proxy's connections are those of many."""
    sent = [get(caller=f"2001:db8::{number}") for number in range(4)]
    async with crowded(tmp_path, [HERE] * 4, sent, server={"trusted_proxies": [HERE]}) as api:
        own = await api.asks(get("/", caller="2001:db8::9"))
        assert (own.done(), api.cut) == (False, 0), "one network behind itself"
        assert (await (await api.asks(get("/", caller="2001:db8:0:1::9")))).status == 200
        assert api.cut == 1
        assert (await own).status == 200


async def test_who_goes_on_taking_is_not_slow(tmp_path: Path) -> None:
    async with crowded(tmp_path, APART) as api:
        await api.pass_time(0.9)
        pool = api.gate.running.gateway._pools["api"]
        first = next(iter(pool.held_up._held))
        took = asyncio.ensure_future(take(api.slow[0], SIZE // 2))
        while next(iter(pool.held_up._held)) is first:  # noqa: ASYNC110  # nothing tells when it goes on
            await asyncio.sleep(0)
        await took
        await api.gate.settle(lambda: api.told("held_up"))
        await api.pass_time(0.2)
        assert (await (await api.asks(get("/")))).status == 200
        assert await take(api.slow[1], SIZE) < SIZE
        assert await take(api.slow[0], SIZE // 2) == SIZE // 2


async def test_who_takes_all_of_it_leaves_a_connection_for_others(tmp_path: Path) -> None:
    async with crowded(tmp_path, APART) as api:
        asked = await api.asks(get("/"))
        assert await take(api.slow[3], SIZE + 1) > SIZE
        assert (await asked).status == 200
        assert (api.cut, api.gate.upstream.connections) == (0, 4)


async def test_clients_of_a_slow_service_are_not_slow(tmp_path: Path) -> None:
    """Streams and long polls, on which nothing passes for as long as they may."""
    async with crowded(tmp_path, [FAR] * 4, [get("/silence")] * 4) as api:
        asked = await api.asks(get("/"))
        await api.pass_time(1.9)
        assert not asked.done()
        await api.pass_time(0.2)
        assert ((await asked).status, api.cut, api.told("held_up")) == (503, 0, 0)
        assert api.gate.upstream.open == 4


@pytest.mark.parametrize("sent", [get("/large", method="HEAD"), get("/nothing")])
async def test_answers_without_a_body_are_never_held_up(tmp_path: Path, sent: bytes) -> None:
    async with crowded(tmp_path, [FAR] * 6, [sent] * 6) as api:
        assert (api.told("held_up"), api.told("connections")) == (0, 1)
        assert (await (await api.asks(sent))).status in {200, 204}
        assert api.cut == 0


async def test_websockets_have_bounds_of_their_own(tmp_path: Path) -> None:
    async with crowded(tmp_path, [FAR] * 4, [handshake(target="/ws")] * 4) as api:
        assert api.gate.running.metrics.snapshot().values["ostiary_websockets"][()] == 4
        await api.pass_time(1.1)
        for _ in range(6):
            assert (await (await api.asks(get("/")))).status == 200
        assert (api.cut, api.told("held_up")) == (0, 0)
        for each in api.slow:
            assert await take(each, SIZE) == SIZE


# How an answer ends that is cut.


async def test_what_is_cut_has_no_clean_end(tmp_path: Path) -> None:
    async with crowded(tmp_path, [FAR] * 4, [get("/chunks")] * 4) as api:
        assert (await (await api.asks(get("/")))).status == 200
        assert not (await read(api.slow[0], 2 * SIZE)).endswith(b"0\r\n\r\n")


async def test_what_was_asked_for_behind_it_is_not_answered(tmp_path: Path) -> None:
    async with crowded(tmp_path, [FAR] * 4, [get() + get("/behind")] * 4) as api:
        assert (await (await api.asks(get("/")))).status == 200
        assert api.cut == 1
        assert await take(api.slow[0], 2 * SIZE) < SIZE
        assert "/behind" not in {each.target for each in api.gate.upstream.requests}


async def test_nothing_is_held_against_the_service(tmp_path: Path) -> None:
    async with crowded(tmp_path, [FAR] * 4, circuit={"failures": 1}, health={"failures": 1}) as api:
        assert (await (await api.asks(get("/")))).status == 200
        pool = api.gate.running.gateway._pools["api"]
        assert (api.cut, pool._targets[0].row.failures, pool.attentive) == (1, 0, False)
