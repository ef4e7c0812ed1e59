"""Tunnels on sockets: the test is both the client and the service, and the clock."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from math import inf
from typing import TYPE_CHECKING, Final

import msgspec
import pytest
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import SERVER, Protocol

from ostiary.config.model import WebSockets
from ostiary.proxy.taken import octets_taken
from ostiary.proxy.tunnel import LINGER, End, Tunnel
from tests.support.certificates import Authority
from tests.support.gateway import logged
from tests.support.http1 import Client, connect, read_head
from tests.support.readers import SIZE, reader, take
from tests.support.socketless import KeptTransport
from tests.support.tokens import key
from tests.support.websocket import SWITCH, close_code, frame, handshake
from tests.support.wire import Wire, wire

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from tests.support.recording import Conversation

ROUTE: Final = {"name": "ws", "match": {"path": "/**"}, "upstream": "api", "websocket": True, "anonymous": True}
HELLO: Final = frame(b"hello", masked=True)


class Both(msgspec.Struct, frozen=True):
    """An open tunnel, seen from both ends."""

    gate: Wire
    client: Client
    service: Conversation

    @property
    def closed(self) -> dict[tuple[str, ...], float]:
        return self.gate.running.metrics.snapshot().values.get("ostiary_websockets_closed_total", {})

    async def hears(self, raw: bytes, *, client: bool = True) -> None:
        reader = self.client.reader if client else self.service.reader
        async with asyncio.timeout(10):
            assert await reader.readexactly(len(raw)) == raw

    async def ends(self, *, client: bool = True) -> bytes:
        """Return all that still comes until the stream ends in order."""
        reader = self.client.reader if client else self.service.reader
        async with asyncio.timeout(10):
            return await reader.read()


@asynccontextmanager
async def opened(
    folder: Path, *, server: Mapping[str, object] | None = None, token: str = "", anonymous: bool = True
) -> AsyncIterator[Both]:
    """Open a tunnel for as long as the block lasts."""
    conversations: asyncio.Queue[Conversation] = asyncio.Queue()
    over = asyncio.Event()

    async def answer(conversation: Conversation) -> None:
        await conversation.send(SWITCH + b"\r\n")
        await conversations.put(conversation)
        await over.wait()

    routes = [{**ROUTE, "anonymous": anonymous}]
    async with wire(folder, routes=routes, server=server) as gate, gate.connect() as client:
        gate.upstream.answer(answer)
        await client.send(handshake(token=token))
        await read_head(client.reader)
        try:
            yield Both(gate, client, await conversations.get())
        finally:
            over.set()


def told(raw: bytes) -> int:
    """Return the code of the masked Close frame that `raw` is."""
    reader = Protocol(SERVER)
    reader.receive_data(raw)
    (event,) = reader.events_received()
    assert isinstance(event, Frame)
    assert event.opcode is Opcode.CLOSE
    return Close.parse(bytes(event.data)).code


async def test_either_end_may_close_first_and_the_other_hears_all(tmp_path: Path) -> None:
    async with opened(tmp_path) as both:
        await both.client.send(HELLO)
        both.client.writer.write_eof()
        assert await both.ends(client=False) == HELLO
        await both.service.send(frame(b"bye"))  # the other direction is open still
        await both.hears(frame(b"bye"))
        both.service.close()
        assert await both.ends() == b""
        await both.gate.settle()
        assert both.closed == {("client",): 1}


async def test_a_client_may_close_first_under_tls_and_nobody_is_warned(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    tls = {"certificates": [authority.issue("own", "a.example").section]}
    trusting = ssl.create_default_context(cafile=str(authority.ca))
    async with wire(tmp_path, routes=[ROUTE], server={"tls": tls}) as gate:
        gate.upstream.answer(SWITCH + b"\r\n")
        async with connect(gate.running.port, trusting, "a.example") as client:
            await client.send(handshake())
            await read_head(client.reader)
            await client.send(HELLO)
        await gate.settle()
    assert [record.message for record in caplog.records] == []
    assert logged(tmp_path / "access.log")[0]["ended"] == "client"


async def test_the_service_leaves_in_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as both:
        await both.service.send(frame(b"bye"))
        both.service.close()
        assert await both.ends() == frame(b"bye")
        both.client.writer.close()
        await both.gate.settle()
        assert both.closed == {("upstream",): 1}


async def test_one_that_is_left_half_open_is_closed_at_last(tmp_path: Path) -> None:
    async with opened(tmp_path, server={"timeouts": {"write": "5s"}}) as both:
        both.service.writer.write_eof()
        assert await both.ends() == b""
        await both.client.send(HELLO)
        await both.hears(HELLO, client=False)
        both.gate.pass_time(31)
        await both.gate.settle()
        assert both.closed == {("upstream",): 1}


async def test_a_reset_ends_both(tmp_path: Path) -> None:
    async with opened(tmp_path) as both:
        await both.client.send(HELLO)
        await both.hears(HELLO, client=False)
        both.service.reset()
        assert await both.client.ended()
        await both.gate.settle()
        assert both.closed == {("upstream",): 1}


async def test_an_idle_one_is_closed_and_a_busy_one_is_not(tmp_path: Path) -> None:
    async with opened(tmp_path, server={"websockets": {"idle": "80s"}}) as both:
        for _ in range(10):
            both.gate.pass_time(20)
            await both.client.send(HELLO)
            await both.hears(HELLO, client=False)
        for _ in range(10):
            both.gate.pass_time(10)
        assert close_code(await both.client.reader.readexactly(4)) == 1001
        assert told(await both.service.reader.readexactly(8)) == 1001
        await both.gate.settle()
        assert both.closed == {}  # both may still answer
        await both.client.send(frame(Close(1001, "").serialize(), Opcode.CLOSE, masked=True))
        await both.service.send(frame(Close(1001, "").serialize(), Opcode.CLOSE))
        assert await both.ends() == await both.ends(client=False) == b""
        await both.gate.settle()
        assert both.closed == {("idle",): 1}


async def test_none_lives_for_ever(tmp_path: Path) -> None:
    async with opened(tmp_path, server={"websockets": {"lifetime": "1h", "idle": "2h"}}) as both:
        both.gate.pass_time(3599)
        await both.client.send(HELLO)
        await both.hears(HELLO, client=False)
        both.gate.pass_time(2)
        assert close_code(await both.client.reader.readexactly(4)) == 1001
        both.gate.pass_time(LINGER + 1)  # nobody answers
        await both.gate.settle()
        assert both.closed == {("lifetime",): 1}


async def test_a_token_ends_it_after_a_grace(tmp_path: Path) -> None:
    server = {"websockets": {"grace": "20s", "idle": "1h"}}
    async with opened(tmp_path, server=server, token=key().token(), anonymous=False) as both:
        both.gate.pass_time(300 + 15)
        await both.client.send(HELLO)
        await both.hears(HELLO, client=False)
        both.gate.pass_time(10)
        assert close_code(await both.client.reader.readexactly(4)) == 1008
        assert told(await both.service.reader.readexactly(8)) == 1001
        both.gate.pass_time(LINGER + 1)
        await both.gate.settle()
        assert both.closed == {("expired",): 1}
    (line,) = logged(tmp_path / "access.log")
    assert (line["ended"], line["bytes_in"], line.get("bytes_out")) == ("expired", len(HELLO), None)


async def test_nothing_is_said_within_a_frame(tmp_path: Path) -> None:
    """What is under way is passed on to its end, then the Close frame, and then nothing."""
    first, second = frame(b"x" * 70_000), frame(b"y")
    async with opened(tmp_path, server={"websockets": {"lifetime": "1h", "idle": "2h"}}) as both:
        await both.service.send(first[:5])
        await both.hears(first[:5])
        await both.client.send(HELLO[:3])
        await both.hears(HELLO[:3], client=False)
        both.gate.pass_time(3601)
        await both.service.send(first[5:40_000])
        await both.hears(first[5:40_000])
        await both.service.send(first[40_000:] + second)
        await both.hears(first[40_000:])
        assert close_code(await both.client.reader.readexactly(4)) == 1001
        await both.client.send(HELLO[3:] + HELLO)
        await both.hears(HELLO[3:], client=False)
        assert told(await both.service.reader.readexactly(8)) == 1001
        await both.service.send(second)
        await both.gate.settle()
        both.gate.pass_time(LINGER + 1)
        await both.gate.settle()
        assert both.closed == {("lifetime",): 1}


async def test_who_has_been_told_to_close_is_not_told_again(tmp_path: Path) -> None:
    async with opened(tmp_path, server={"websockets": {"lifetime": "1h", "idle": "2h"}}) as both:
        goodbye = frame(Close(1000, "").serialize(), Opcode.CLOSE)
        await both.service.send(goodbye)
        await both.hears(goodbye)
        both.gate.pass_time(3601)
        assert told(await both.service.reader.readexactly(8)) == 1001
        both.gate.pass_time(LINGER + 1)
        assert b"\x88" not in await both.ends()


async def test_a_close_frame_under_way_is_followed_by_no_other(tmp_path: Path) -> None:
    goodbye = frame(Close(1000, "").serialize(), Opcode.CLOSE, masked=True)
    async with opened(tmp_path, server={"websockets": {"lifetime": "1h", "idle": "2h"}}) as both:
        await both.client.send(goodbye[:7])
        await both.hears(goodbye[:7], client=False)
        both.gate.pass_time(3601)
        assert close_code(await both.client.reader.readexactly(4)) == 1001
        await both.client.send(goodbye[7:])
        assert await both.ends(client=False) == goodbye[7:]


TINY: Final = frame(b"", masked=True) * 30_000


@pytest.fixture
def ends() -> tuple[End, KeptTransport, KeptTransport]:
    """The client's end of an open tunnel, its transport, and that of the upstream's end."""
    tunnel = Tunnel(WebSockets(), inf, 0.0, lambda: 0.0)
    client, upstream = End(tunnel, "client", 30.0), End(tunnel, "upstream", 30.0)
    to_client, to_upstream = KeptTransport(), KeptTransport()
    client.join(to_client, upstream, lambda _: None)
    upstream.join(to_upstream, client, lambda _: None)
    tunnel.open(client, upstream, lambda: None)
    return client, to_client, to_upstream


def reads(transport: KeptTransport) -> bool:
    return transport.reading


async def turns_until(happens: Callable[[], object]) -> int:
    """Return after how many turns of the loop it happens."""
    turns = 0
    async with asyncio.timeout(10):
        while not happens():
            turns += 1
            await asyncio.sleep(0)
    return turns


async def test_tiny_frames_are_followed_in_turns(ends: tuple[End, KeptTransport, KeptTransport]) -> None:
    client, to_client, to_upstream = ends
    client.data_received(TINY)
    assert to_upstream.take() == TINY  # following them keeps nobody waiting for them
    turns = 0
    while not reads(to_client):
        client.other.pause_writing()
        client.other.resume_writing()  # is no reason to read on before they are followed
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10
    client.other.pause_writing()
    assert not reads(to_client)
    client.other.resume_writing()
    assert reads(to_client)


async def test_an_end_may_be_told_to_close_between_tiny_frames(ends: tuple[End, KeptTransport, KeptTransport]) -> None:
    client, to_client, to_upstream = ends
    client.data_received(TINY + HELLO[:3])
    to_upstream.take()
    client.say_close(b"farewell")
    assert await turns_until(lambda: reads(to_client)) > 10  # no more is read before they are followed
    assert to_upstream.take() == b""  # a frame is under way
    client.data_received(HELLO[3:] + TINY + frame(Close(1000, "").serialize(), Opcode.CLOSE, masked=True))
    assert to_upstream.take() == HELLO[3:] + b"farewell"
    assert not to_client.is_closing()  # that is not seen yet
    await turns_until(to_client.is_closing)
    assert not reads(to_client)


async def test_tiny_frames_are_followed_in_turns_at_the_end_too(ends: tuple[End, KeptTransport, KeptTransport]) -> None:
    """Many tunnels may end at once: what each has to follow then must not keep the loop from all others."""
    client, _, to_upstream = ends
    client.data_received(TINY)
    to_upstream.take()
    client.say_close(b"farewell")
    assert await turns_until(lambda: to_upstream.written) > 10
    assert to_upstream.take() == b"farewell"


async def test_what_is_followed_late_may_have_been_a_close_frame(
    ends: tuple[End, KeptTransport, KeptTransport],
) -> None:
    client, to_client, to_upstream = ends
    client.data_received(TINY + frame(Close(1000, "").serialize(), Opcode.CLOSE, masked=True))
    to_upstream.take()
    client.say_close(b"farewell")
    await turns_until(to_client.is_closing)
    assert to_upstream.take() == b""


async def test_nothing_is_said_for_an_end_that_is_gone(ends: tuple[End, KeptTransport, KeptTransport]) -> None:
    client, to_client, to_upstream = ends
    client.data_received(TINY)
    to_upstream.take()
    client.say_close(b"farewell")
    client.connection_lost(None)
    for _ in range(50):
        await asyncio.sleep(0)
    assert to_upstream.take() == b""
    assert not reads(to_client)


@pytest.mark.parametrize("from_client", [True, False])
async def test_a_full_end_holds_the_other_back_and_is_given_up(tmp_path: Path, *, from_client: bool) -> None:
    """What waits in the gateway is bounded; the sender feels it."""
    server = {"timeouts": {"write": "30s"}, "websockets": {"idle": "1h"}}
    async with opened(tmp_path, server=server) as both:
        writer = both.client.writer if from_client else both.service.writer
        reader = both.service.reader if from_client else both.client.reader
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's own, without an equal in its interface
        writer.write(frame(b"x" * 30_000_000, masked=from_client))
        await both.gate.settle()
        left = writer.transport.get_write_buffer_size()
        assert left > 10_000_000
        await both.gate.settle()
        assert writer.transport.get_write_buffer_size() == left
        both.gate.pass_time(0.25)
        both.gate.pass_time(29)
        assert both.closed == {}
        both.gate.pass_time(2)
        await both.gate.settle()
        assert both.closed == {("stalled",): 1}


@asynccontextmanager
async def slow_client(folder: Path) -> AsyncIterator[tuple[Wire, socket.socket, asyncio.Transport]]:
    """Open a tunnel whose client takes little of a large frame, and was looked at once; yield the gateway's end too."""
    over = asyncio.Event()

    async def answer(conversation: Conversation) -> None:
        conversation.writer.write(SWITCH + b"\r\n" + frame(bytes(SIZE)))
        await over.wait()

    server = {"bounds": {"answer_rate": 256}, "timeouts": {"write": "30s"}, "websockets": {"idle": "20s"}}
    async with wire(folder, routes=[ROUTE], server=server) as gate:
        gate.upstream.answer(answer)
        async with reader(gate.running.port, handshake()) as slow:
            await take(slow, 1000)
            await gate.settle()
            (upgrade,) = gate.running.gateway.door.tunnels
            assert upgrade._tunnel is not None
            gate.pass_time(0.25)
            yield gate, slow, upgrade._tunnel.client.transport
            over.set()


async def test_a_slow_client_is_let_go_on_if_it_takes_as_much_as_of_an_answer(tmp_path: Path) -> None:
    """However little that changes in the gateway's own buffer; nor is it idle meanwhile."""
    async with slow_client(tmp_path) as (gate, slow, transport):
        for _ in range(8):
            before = octets_taken(transport)
            await take(slow, 20_000)
            while octets_taken(transport) < before + 256 * 31:  # noqa: ASYNC110  # nothing tells when the kernel has heard
                await asyncio.sleep(0.01)
            gate.pass_time(31)
            await gate.settle()
        assert len(gate.running.gateway.door.tunnels) == 1


async def test_a_slow_client_is_given_up_if_it_takes_less(tmp_path: Path) -> None:
    async with slow_client(tmp_path) as (gate, slow, _):
        for _ in range(3):
            await take(slow, 2500)
            gate.pass_time(31)
            await gate.settle()
        assert not gate.running.gateway.door.tunnels
    assert [line["ended"] for line in logged(tmp_path / "access.log")] == ["stalled"]


async def test_a_full_end_that_takes_it_all_the_same(tmp_path: Path) -> None:
    async with opened(tmp_path) as both:
        raw = frame(b"x" * 5_000_000)
        sending = asyncio.ensure_future(both.service.send(raw))
        await both.gate.settle()
        await both.hears(raw)
        await sending
        both.gate.pass_time(31)
        assert both.closed == {}
        await both.client.send(HELLO)
        await both.hears(HELLO, client=False)


async def test_draining_says_so_and_then_closes_by_force(tmp_path: Path) -> None:
    """Case FP3."""
    async with opened(tmp_path) as both:
        gateway = both.gate.running.gateway
        draining = asyncio.ensure_future(gateway.door.drain())
        assert close_code(await both.client.reader.readexactly(4)) == 1001
        assert told(await both.service.reader.readexactly(8)) == 1001
        assert not draining.done()
        gateway.door.abort()
        await draining
        assert await both.client.ended()
        await both.gate.settle()
        assert both.closed == {("drain",): 1}


async def client_leaves(both: Both) -> None:
    """Have the client answer the gateway's Close frame, and go; the service stays."""
    assert close_code(await both.client.reader.readexactly(4)) == 1001
    await both.client.send(frame(Close(1001, "").serialize(), Opcode.CLOSE, masked=True))
    assert await both.ends() == b""
    both.client.writer.close()
    await both.gate.settle()
    assert both.gate.running.metrics.client_connections.value == 0


async def test_draining_waits_for_the_service_when_the_client_has_gone(tmp_path: Path) -> None:
    async with opened(tmp_path) as both:
        draining = asyncio.ensure_future(both.gate.running.gateway.door.drain())
        await client_leaves(both)
        assert not draining.done()
        both.service.close()
        async with asyncio.timeout(10):
            await draining
        assert both.closed == {("drain",): 1}


async def test_draining_waits_not_long_for_what_a_client_left_before(tmp_path: Path) -> None:
    async with opened(tmp_path, server={"websockets": {"idle": "10s"}}) as both:
        both.gate.pass_time(5)
        both.gate.pass_time(6)
        await client_leaves(both)
        draining = asyncio.ensure_future(both.gate.running.gateway.door.drain())
        await both.gate.settle()
        assert not draining.done()
        both.gate.pass_time(LINGER + 1)
        async with asyncio.timeout(10):
            await draining
        assert both.closed == {("idle",): 1}


@pytest.mark.parametrize("leaves", [True, False])
async def test_one_that_is_closed_by_force_is_written_down(tmp_path: Path, *, leaves: bool) -> None:
    async with opened(tmp_path) as both:
        draining = asyncio.ensure_future(both.gate.running.gateway.door.drain())
        if leaves:
            await client_leaves(both)
        draining.cancel()
        await both.gate.running.gateway.drain(0.0)
        assert both.closed == {("drain",): 1}


async def test_a_tunnel_has_no_total_time_of_a_request(tmp_path: Path) -> None:
    async with opened(tmp_path, server={"timeouts": {"total": "60s"}, "websockets": {"idle": "1h"}}) as both:
        both.gate.pass_time(600)
        await both.client.send(HELLO)
        await both.hears(HELLO, client=False)


async def test_what_is_no_frame_passes_too(tmp_path: Path) -> None:
    """The gateway judges no frames: it only counts them."""
    async with opened(tmp_path) as both:
        await both.client.send(b"\xff" * 100_000)
        await both.hears(b"\xff" * 100_000, client=False)
        both.client.writer.transport.abort()
        await both.gate.settle()
        both.gate.pass_time(31)
        await both.gate.settle()
        assert both.closed == {("client",): 1}
