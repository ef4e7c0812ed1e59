"""Who is heard out, what becomes of each, and that nothing is left of those who are not let in."""

from __future__ import annotations

import asyncio
import resource
import socket
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from ostiary.http.proxy_protocol import Header
from ostiary.proxy import introduction
from ostiary.proxy.acceptor import Acceptor
from ostiary.proxy.introduction import Introduction
from tests.support.gateway import logged
from tests.support.http1 import request
from tests.support.proxy_headers import LOCAL, binary, line, raw
from tests.support.wire import wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.wire import Wire

GET = request("GET", "/")
PEER = "127.0.0.2"
SPEAKS = {"proxy_protocol": {"peers": [f"{PEER}/32"]}}


def results(gate: Wire) -> dict[str, float]:
    found = gate.running.metrics.snapshot().values["ostiary_proxy_headers_total"]
    return {labels[0]: value for labels, value in found.items() if value}


def refused(gate: Wire) -> dict[str, float]:
    found = gate.running.metrics.snapshot().values["ostiary_client_connections_refused_total"]
    return {labels[0]: value for labels, value in found.items() if value}


def acceptor(gate: Wire) -> Acceptor:
    server = gate.running.gateway._server
    assert isinstance(server, Acceptor)
    return server


async def told(gate: Wire, header: bytes) -> str:
    """Whose request the upstream is told that it is."""
    async with gate.connect(PEER) as client:
        await client.send(header + GET)
        assert (await client.answer()).status == 200
    return gate.upstream.requests[-1].values("X-Forwarded-For")[0]


async def test_without_such_peers_there_is_no_acceptor(gate: Wire) -> None:
    assert not isinstance(gate.running.gateway._server, Acceptor)
    assert "ostiary_proxy_headers_total" not in gate.running.metrics.snapshot().values


async def test_what_the_header_tells(tmp_path: Path) -> None:
    async with wire(tmp_path, server=SPEAKS) as gate:
        assert await told(gate, line("192.0.2.7")) == "192.0.2.7"
        assert await told(gate, binary("2001:db8::7")) == "2001:db8::7"
        assert await told(gate, line("::ffff:192.0.2.7")) == "192.0.2.7"
        assert await told(gate, b"PROXY UNKNOWN\r\n") == PEER
        assert await told(gate, raw(LOCAL, 0, b"")) == PEER
        assert await told(gate, line("127.0.0.9")) == "127.0.0.9"  # of this very machine
        assert results(gate) == {"told": 4, "own": 2}


async def test_a_connection_that_does_not_begin_with_one_is_closed_unread(tmp_path: Path) -> None:
    async with wire(tmp_path, server=SPEAKS) as gate:
        async with gate.connect(PEER) as client:
            await client.send(GET)
            assert await client.ended()
        await gate.settle()
        assert gate.upstream.requests == []
        assert gate.running.metrics.no_route.refusals == {}
        assert results(gate) == {"malformed": 1}
    (event,) = [event for event in logged(gate.running.security_log) if event["event"] == "proxy_header_refused"]
    assert event["client"] == PEER
    assert event["detail"] == "It does not begin with a PROXY header."


@pytest.mark.parametrize("header", [line("192.0.2.7"), binary("192.0.2.7"), b"PROXY UNKNOWN\r\n", raw(LOCAL, 0, b"")])
async def test_others_are_not_heard(tmp_path: Path, header: bytes) -> None:
    async with wire(tmp_path, server=SPEAKS) as gate:
        assert (await gate.play(GET)).statuses == [200]
        assert gate.upstream.requests.pop().values("X-Forwarded-For") == ["127.0.0.1"]
        assert (await gate.play(header + GET)).refused
        assert (await gate.play(header)).statuses in ([400], [408])
        assert results(gate) == {}


async def test_the_loopback_of_another_machine_is_no_client(tmp_path: Path) -> None:
    async with wire(tmp_path, server=SPEAKS) as gate:
        for sender, address, refusals in (("192.0.2.1", "127.0.0.1", 1), ("192.0.2.1", "::1", 2)):
            near, far = socket.socketpair()
            near.setblocking(False)
            introduced = Introduction(near, sender, 4096, 5.0, acceptor(gate)._introduced)
            introduced._end(Header(1, address))
            assert near.fileno() == -1
            far.close()
            assert results(gate) == {"malformed": refusals}
        gate.running.gateway.door.arriving = 0
    details = {event["detail"] for event in logged(gate.running.security_log)}
    assert "The address is the loopback of another machine." in details


async def test_the_time_for_a_header_is_bounded(tmp_path: Path) -> None:
    async with wire(tmp_path, server=SPEAKS) as gate, gate.connect(PEER) as silent, gate.connect(PEER) as slow:
        await slow.send(b"PROXY TCP4 192.0")
        await gate.settle(lambda: gate.running.gateway.door.arriving)
        gate.pass_time(4.9)
        await slow.send(b".2.7")
        await gate.settle()
        assert gate.running.gateway.door.arriving == 2
        gate.pass_time(0.2)
        assert await silent.ended()
        assert await slow.ended()
        assert results(gate) == {"timeout": 2}
        assert gate.running.gateway.door.arriving == 0


async def test_those_who_leave_before_they_have_said_who_they_are(tmp_path: Path) -> None:
    async with wire(tmp_path, server=SPEAKS) as gate:
        for beginning in (b"", b"PROXY", line("192.0.2.7")[:-1]):
            async with gate.connect(PEER) as client:
                await client.send(beginning)
        await gate.settle(lambda: results(gate))
        assert results(gate) == {"abandoned": 3}


async def test_the_number_of_those_who_wait_is_bounded(tmp_path: Path) -> None:
    settings = {"proxy_protocol": {"peers": [f"{PEER}/32"], "waiting": 2}}
    async with wire(tmp_path, server=settings) as gate, gate.connect(PEER) as first, gate.connect(PEER) as second:
        for client in (first, second):
            await client.send(b"PROXY")
        await gate.settle(lambda: gate.running.gateway.door.arriving)
        async with gate.connect(PEER) as third:
            assert await third.ended()
        async with gate.connect() as stranger:
            assert (await stranger.ask("GET", "/")).status == 200, "which stops nobody else"
        await first.send(b" UNKNOWN\r\n" + GET)
        assert (await first.answer()).status == 200
        assert await told(gate, line("192.0.2.7")) == "192.0.2.7"
        assert results(gate) == {"refused": 1, "own": 1, "told": 1}


async def test_those_who_wait_take_room(tmp_path: Path) -> None:
    async with wire(tmp_path, server={**SPEAKS, "bounds": {"connections": 2}}) as gate, AsyncExitStack() as stack:
        waiting = [await stack.enter_async_context(gate.connect(PEER)) for _ in range(2)]
        await gate.settle(lambda: gate.running.gateway.door.arriving)
        for source in (PEER, "127.0.0.1"):
            async with gate.connect(source) as third:
                assert await third.ended()
        assert refused(gate) == {"worker": 2}
        for client in waiting:
            await client.send(line("192.0.2.7") + GET)
            assert (await client.answer()).status == 200
        async with gate.connect(PEER) as third:
            assert await third.ended()


async def test_a_drain_closes_those_who_wait(tmp_path: Path) -> None:
    async with wire(tmp_path, server=SPEAKS) as gate, gate.connect(PEER) as client, gate.connect(PEER) as other:
        await client.send(b"PROXY")
        await gate.settle(lambda: gate.running.gateway.door.arriving)
        waiting = [each.connection for each in acceptor(gate)._introductions]
        assert len(waiting) == 2
        async with asyncio.timeout(5):
            await gate.running.gateway.drain(20)
        assert await client.ended()
        assert await other.ended()
        assert acceptor(gate)._introductions == set()
        assert [each.fileno() for each in waiting] == [-1, -1]
        assert gate.running.gateway.door.arriving == 0


async def test_a_drain_closes_those_who_are_just_being_handed_over(tmp_path: Path) -> None:
    async with wire(tmp_path, server=SPEAKS) as gate:
        near, far = socket.socketpair()
        near.setblocking(False)
        taken = acceptor(gate)
        taken._hand_over(near, None)
        taken.close()
        await gate.settle()
        assert near.fileno() == -1
        assert taken._arrivals == {}
        far.close()


async def test_what_cannot_be_handed_over_is_closed(tmp_path: Path) -> None:
    async with wire(tmp_path, server=SPEAKS) as gate:
        taken = acceptor(gate)
        for error, bugs in ((ConnectionResetError(), 0), (ZeroDivisionError(), 1)):

            async def connect(*_: object, error: Exception = error) -> None:
                raise error

            taken._connect = connect
            near, far = socket.socketpair()
            taken._hand_over(near, None)
            await gate.settle()
            assert near.fileno() == -1
            assert gate.running.metrics.bugs("proxy").value == bugs
            far.close()


async def test_a_bug_costs_one_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async with wire(tmp_path, server=SPEAKS) as gate:
        with monkeypatch.context() as patch:
            patch.setattr(introduction, "read_header", broken)
            async with gate.connect(PEER) as client:
                await client.send(line("192.0.2.7"))
                assert await client.ended()
        assert gate.running.metrics.bugs("proxy").value == 1
        assert await told(gate, line("192.0.2.7")) == "192.0.2.7"


async def test_out_of_descriptors_it_rests_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0
    accept = socket.socket.accept

    def counted(listener: socket.socket) -> tuple[socket.socket, object]:
        nonlocal tries
        tries += 1
        return accept(listener)

    async with wire(tmp_path, server=SPEAKS) as gate:
        monkeypatch.setattr(socket.socket, "accept", counted)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as client:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", gate.running.port))
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            for _ in range(100):
                await asyncio.sleep(0)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert tries == 1
            client.sendall(GET)
            async with asyncio.timeout(10):
                assert (await asyncio.get_running_loop().sock_recv(client, 100)).startswith(b"HTTP/1.1 200 ")


async def test_a_connection_that_was_taken_back_before_it_was_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire(tmp_path, server=SPEAKS) as gate:
        errors = [ConnectionAbortedError(), BlockingIOError()]

        class Listener:
            def accept(self) -> None:
                raise errors.pop(0)

        with monkeypatch.context() as patch:
            patch.setattr(acceptor(gate), "_listener", Listener())
            acceptor(gate)._accept()
        assert errors == []
        assert (await gate.play(GET)).statuses == [200]


async def test_its_connections_are_as_the_event_loop_makes_them(gate: Wire, tmp_path: Path) -> None:
    """No delay for small writes, to name what counts."""
    (tmp_path / "other").mkdir()
    async with wire(tmp_path / "other", server=SPEAKS) as other:
        found = []
        for each in (gate, other):
            async with each.connect() as client:
                await client.ask("GET", "/")
                (connection,) = each.running.gateway.door._clients
                found.append(options(connection._transport.get_extra_info("socket")))
        assert found[0] == found[1]


def options(connection: socket.socket) -> dict[str, int]:
    asked = {
        "nodelay": (socket.IPPROTO_TCP, socket.TCP_NODELAY),
        "keepalive": (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
        "blocks": (socket.SOL_SOCKET, socket.SO_RCVTIMEO),
    }
    return {name: connection.getsockopt(*option) for name, option in asked.items()}
