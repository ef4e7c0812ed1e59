"""The PROXY protocol through a whole gateway, with TLS and without: who is told of, and for what that counts."""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import logged
from tests.support.http1 import Client, request
from tests.support.proxy_headers import LOCAL, binary, line, raw, record
from tests.support.tokens import key
from tests.support.wire import OPEN, wire

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.support.certificates import Pair
    from tests.support.documents import Document
    from tests.support.wire import Wire

GET = request("GET", "/")
PEER = "127.0.0.2"
ANY = {"proxy_protocol": {"peers": ["127.0.0.1/32"]}}
"""All that `play` sends comes from such a peer."""
ONE = {"proxy_protocol": {"peers": [f"{PEER}/32"]}}
CLIENT = "192.0.2.7"
HEADERS = {"version 1": line(CLIENT), "version 2": binary(CLIENT, record(4, bytes(30)), checked=True)}


def addresses(gate: Wire) -> list[str]:
    """Whose requests the upstream was told that they are."""
    return [address for received in gate.upstream.requests for address in received.values("X-Forwarded-For")]


# What arrives, however it arrives.


@pytest.mark.parametrize("name", HEADERS)
async def test_cut_anywhere_with_the_request_behind_it(tmp_path: Path, name: str) -> None:
    message = HEADERS[name] + GET
    async with wire(tmp_path, server=ANY) as gate:
        for at in range(1, len(HEADERS[name]) + 3):
            assert (await gate.play(message[:at], message[at:])).statuses == [200]
        assert (await gate.play(*(message[at : at + 1] for at in range(len(message))))).statuses == [200]
        assert set(addresses(gate)) == {CLIENT}


async def test_it_is_told_once_for_the_whole_connection(tmp_path: Path) -> None:
    async with wire(tmp_path, server=ANY) as gate, gate.connect() as client:
        await client.send(line(CLIENT) + GET + GET)
        assert [(await client.answer()).status for _ in range(2)] == [200, 200]
        assert (await client.ask("GET", "/later")).status == 200
        await client.send(line("192.0.2.8") + GET)
        assert (await client.answer()).status == 400
        assert addresses(gate) == [CLIENT] * 3


@pytest.mark.parametrize("own", HEADERS)
async def test_what_a_client_sends_before_its_request_is_no_second_header(tmp_path: Path, own: str) -> None:
    """It comes behind the one that the proxy has written, whichever that is."""
    async with wire(tmp_path, server=ANY) as gate:
        for written in (*HEADERS.values(), raw(LOCAL, 0, b"")):
            assert (await gate.play(written + HEADERS[own] + GET)).refused
            assert (await gate.play(written, HEADERS[own], GET)).refused


@pytest.mark.parametrize(
    "octets",
    [
        GET, b"\r\n" + line(CLIENT) + GET, b" " + line(CLIENT) + GET, line(CLIENT)[:-2] + b"\n" + GET,
        line(CLIENT).lower() + GET, line(CLIENT).replace(b"TCP4", b"TCP6") + GET, b"PROXY " + GET,
        raw(0x21, 0x12, bytes(12)) + GET, raw(0x21, 0x31, bytes(216)) + GET, raw(0x22, 0x11, bytes(12)) + GET,
        binary(CLIENT, checked=True)[:-1] + b"\0" + GET, binary(CLIENT, record(4, bytes(5000))) + GET,
        raw(0x21, 0x11, bytes(11)) + GET, line("0.0.0.0") + GET,  # noqa: S104  # told of, not bound
    ],
)  # fmt: skip
async def test_what_is_no_header_is_never_read_as_http(tmp_path: Path, octets: bytes) -> None:
    async with wire(tmp_path, server=ANY) as gate:
        heard = await gate.play(octets)
        assert (heard.raw, heard.arrived, heard.by_itself) == (b"", [], True)
        heard = await gate.play(*(octets[at : at + 1] for at in range(len(octets))))
        assert (heard.raw, heard.arrived, heard.by_itself) == (b"", [], True)
    assert [event["event"] for event in logged(gate.running.security_log)] == ["proxy_header_refused"] * 2


@pytest.mark.parametrize("header", [*HEADERS.values(), raw(LOCAL, 0, b""), b"PROXY UNKNOWN\r\n"])
async def test_from_strangers_it_is_a_malformed_request(tmp_path: Path, header: bytes) -> None:
    for server in (ONE, {}):
        async with wire(tmp_path, server=server) as gate:
            assert (await gate.play(header + GET)).refused
            assert (await gate.play(*(header[at : at + 1] for at in range(len(header))), GET)).refused
            assert gate.upstream.requests == []


# What the address counts for.


async def test_logs_and_fields_tell_of_the_client(tmp_path: Path) -> None:
    routes = [{**OPEN[0], "match": {"path": "/open"}}, {**OPEN[0], "name": "closed", "anonymous": False}]
    async with wire(tmp_path, server={**ANY, "forwarded": "both"}, routes=routes) as gate:
        async with gate.connect() as client:
            await client.send(binary("2001:db8::7"))
            assert (await client.ask("GET", "/open")).status == 200
            assert (await client.ask("GET", "/x", token="nonsense")).status == 401
            assert (await client.ask("GET", "/%zz")).status == 400
        (received,) = gate.upstream.requests
        assert received.values("X-Forwarded-For") == ["2001:db8::7"]
        assert received.values("Forwarded") == ['for="[2001:db8::7]";proto=http;host="gateway.example"']
    assert [record["client"] for record in logged(gate.running.access_log)] == ["2001:db8::7"] * 3
    clients = {event["event"]: event["client"] for event in logged(gate.running.security_log)}
    assert clients == {"token_invalid": "2001:db8::7", "request_malformed": "2001:db8::7"}


async def test_limits_tell_clients_apart(tmp_path: Path) -> None:
    limits = {"few": {"tiers": {"anonymous": {"rate": "1/h", "burst": 2}}}}
    async with wire(tmp_path, server=ANY, limits=limits, routes=[{**OPEN[0], "limit": "few"}]) as gate:
        statuses = []
        for address in (CLIENT, CLIENT, "192.0.2.8", CLIENT, "192.0.2.8", "192.0.2.8"):
            async with gate.connect() as client:
                await client.send(line(address))
                statuses.append((await client.ask("GET", "/")).status)
        assert statuses == [200, 200, 200, 429, 200, 429]


async def test_forwarding_fields_are_believed_by_the_address_told(tmp_path: Path) -> None:
    """Who wrote them is at the far end of the connection; its proxy has only passed them on."""
    asked = request("GET", "/", headers={"X-Forwarded-For": "203.0.113.5"})
    async with wire(tmp_path, server={**ANY, "trusted_proxies": ["127.0.0.1/32"]}) as gate:
        assert (await gate.play(line(CLIENT) + asked)).statuses == [200]
        assert (await gate.play(b"PROXY UNKNOWN\r\n" + asked)).statuses == [200]
        assert addresses(gate) == [CLIENT, "203.0.113.5"]
    async with wire(tmp_path, server={**ANY, "trusted_proxies": [f"{CLIENT}/32"]}) as gate:
        assert (await gate.play(line(CLIENT) + asked)).statuses == [200]
        assert (await gate.play(line("192.0.2.8") + asked)).statuses == [200]
        assert addresses(gate) == ["203.0.113.5", "192.0.2.8"]


async def test_connections_are_counted_by_the_address_told(tmp_path: Path) -> None:
    server = {**ANY, "bounds": {"connections_per_address": 1}}
    async with wire(tmp_path, server=server) as gate, gate.connect() as first, gate.connect() as other:
        await first.send(line(CLIENT) + GET)
        await other.send(line("192.0.2.8") + GET)
        assert [(await client.answer()).status for client in (first, other)] == [200, 200]
        async with gate.connect() as second:
            await second.send(line(CLIENT) + GET)
            assert await second.ended()
        assert gate.running.metrics.client_connections_refused_address.value == 1


async def test_plain_http_is_a_matter_of_the_peer_that_is_connected(tmp_path: Path) -> None:
    """No header makes a connection from elsewhere one that TLS was terminated for, nor one of this machine."""
    networks = {"tls_terminated_by": ["10.0.0.0/8"], "proxy_protocol": {"peers": ["192.0.2.0/24", "10.0.0.0/8"]}}
    async with wire(tmp_path, server=networks) as gate:
        door = gate.running.gateway.door
        for sender, told, taken in (
            ("192.0.2.1", "10.1.2.3", False), ("192.0.2.1", "127.0.0.1", False), ("192.0.2.1", None, False),
            ("10.0.0.1", "198.51.100.1", True), ("10.0.0.1", "127.0.0.1", True), ("127.0.0.1", CLIENT, True),
        ):  # fmt: skip
            client = door.connection(told)
            assert door.connected(client, door.peer((sender, 1), None, told)) is taken
            door.disconnected(client)


# In front of TLS.


def secured(own: Pair, **others: object) -> Document:
    return {**ANY, "tls": {"certificates": [own.section], **others}}


async def secure(client: Client, context: ssl.SSLContext, header: bytes, pieces: int = 1) -> bytes:
    """Send `header` and a ClientHello, in one piece or octet by octet, then a request, and return the answer's head."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname="gateway.example")
    first = header
    while True:
        try:
            session.do_handshake()
            break
        except ssl.SSLWantReadError:
            flight = first + outgoing.read()
            for at in range(0, len(flight), -(-len(flight) // pieces)):
                await client.send(flight[at : at + -(-len(flight) // pieces)])
                await asyncio.sleep(0)
            first, pieces = b"", 1
            received = await client.reader.read(65536)
            if not received:
                raise ConnectionResetError from None
            incoming.write(received)
    session.write(GET)
    await client.send(outgoing.read())
    while True:
        try:
            return bytes(session.read(65536))
        except ssl.SSLWantReadError:
            incoming.write(await client.reader.read(65536))


@pytest.mark.parametrize("pieces", [1, 1000])
@pytest.mark.parametrize("name", HEADERS)
async def test_with_the_client_hello_behind_it(tmp_path: Path, name: str, pieces: int) -> None:
    authority = Authority(tmp_path)
    context = ssl.create_default_context(cafile=str(authority.ca))
    async with wire(tmp_path, server=secured(authority.issue("own", "gateway.example"))) as gate:
        async with gate.connect() as client, asyncio.timeout(20):
            assert (await secure(client, context, HEADERS[name], pieces)).startswith(b"HTTP/1.1 200 ")
        assert addresses(gate) == [CLIENT]
        assert gate.upstream.requests[0].values("X-Forwarded-Proto") == ["https"]
        handshakes = gate.running.metrics.snapshot().values["ostiary_tls_handshakes_total"]
        assert handshakes["full",] == 1


async def test_a_certificate_is_the_client_s_whose_address_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, clients = Authority(tmp_path), Authority(tmp_path, "clients")
    own = authority.issue("own", "gateway.example")
    server = secured(own, client_certificates={"mode": "required", "ca": str(clients.ca)})
    context = ssl.create_default_context(cafile=str(authority.ca))
    pair = clients.issue("orders", "orders.internal", client=True)
    context.load_cert_chain(pair.certificate, pair.key)
    callers = []
    async with wire(tmp_path, server=server) as gate:
        reader = gate.running.gateway.door.requests
        read = reader.read

        def spy(data: bytes, peer: object) -> object:
            found = read(data, peer)  # type: ignore[arg-type]  # as it is passed on
            callers.append(found[0].caller)  # type: ignore[index,union-attr]  # a request
            return found

        monkeypatch.setattr(reader, "read", spy)
        async with gate.connect() as client, asyncio.timeout(20):
            assert (await secure(client, context, line(CLIENT))).startswith(b"HTTP/1.1 200 ")
    (caller,) = callers
    assert caller.address == CLIENT
    assert caller.certificate is not None
    assert caller.certificate.subject == "CN=orders"


async def test_before_tls_and_not_within_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = ssl.create_default_context(cafile=str(authority.ca))
    own = authority.issue("own", "gateway.example")
    async with wire(tmp_path, server=secured(own)) as gate:
        async with gate.connect() as client, asyncio.timeout(20):
            with pytest.raises(ConnectionResetError):  # a handshake at once is no header
                await secure(client, context, b"")
        async with gate.connect() as client:
            await client.send(line(CLIENT) + GET)  # a header, and then no handshake
            assert b"HTTP" not in await client.reader.read(1000)
    async with wire(tmp_path, server={**secured(own), **ONE}) as gate:
        async with gate.connect() as client, asyncio.timeout(20):
            assert (await secure(client, context, b"")).startswith(b"HTTP/1.1 200 ")
        async with gate.connect() as client, asyncio.timeout(20):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await secure(client, context, line(CLIENT))
        assert addresses(gate) == ["127.0.0.1"]


async def test_a_handshake_that_hangs_is_closed_by_a_drain(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = secured(authority.issue("own", "gateway.example"))
    async with wire(tmp_path, server=server) as gate, gate.connect() as client:
        await client.send(line(CLIENT) + b"\x16\x03\x01")
        await gate.settle(lambda: gate.running.gateway.door.arriving)
        assert gate.running.metrics.snapshot().values["ostiary_proxy_headers_total"]["told",] == 1
        async with asyncio.timeout(5):
            await gate.running.gateway.drain(20)
        assert await client.ended()


# Whatever happens, nothing is left behind.


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # a place of the system's, not a path


@pytest.mark.parametrize("tls", [False, True])
async def test_no_descriptor_and_no_account_is_left(tmp_path: Path, *, tls: bool) -> None:
    authority = Authority(tmp_path)
    context = ssl.create_default_context(cafile=str(authority.ca))
    own = authority.issue("own", "gateway.example")
    server = {
        **(secured(own, handshakes=2) if tls else ANY),
        "proxy_protocol": {"peers": ["127.0.0.1/32"], "waiting": 3},
    }
    async with wire(tmp_path, server=server) as gate:
        door = gate.running.gateway.door

        async def bother() -> None:
            ends: Iterable[bytes] = (
                b"", b"PROXY", b"nonsense", line(CLIENT), binary(CLIENT),
                line(CLIENT) + b"\x16\x03", line(CLIENT) + GET,
            )  # fmt: skip
            for octets in ends:
                async with gate.connect() as client:
                    await client.send(octets)
                    await asyncio.sleep(0)
                async with gate.connect() as client:
                    await client.send(octets)
                    client.writer.transport.abort()
            for octets in (b"", b"PROXY"):
                async with gate.connect() as one, gate.connect() as two, gate.connect() as three:
                    for client in (one, two, three):
                        await client.send(octets)
                    await gate.settle(lambda: door.arriving)
                    async with gate.connect() as four:
                        assert await four.ended()
                    gate.pass_time(6)
                    assert await one.ended()
            if tls:
                async with gate.connect() as client, asyncio.timeout(20):
                    assert (await secure(client, context, line(CLIENT))).startswith(b"HTTP/1.1 200 ")
            await gate.settle(lambda: (door.arriving, descriptors()))

        await bother()
        before = descriptors()
        for _ in range(5):
            await bother()
        assert descriptors() == before
        assert door.arriving == 0
        assert gate.running.metrics.client_connections.value == 0
        assert door._crowd._counts == {}
        assert gate.running.metrics.bugs("proxy").value == 0


async def test_tokens_are_judged_as_ever(tmp_path: Path) -> None:
    async with wire(tmp_path, server=ANY, routes=[{**OPEN[0], "anonymous": False}]) as gate:
        assert (await gate.play(line(CLIENT) + request("GET", "/", token=key().token()))).statuses == [200]
        assert (await gate.play(line(CLIENT) + GET)).statuses == [401]
