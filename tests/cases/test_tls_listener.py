"""The listener's TLS on real sockets: what is spoken, who gets which certificate, who is let in, what changes alive."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import shutil
import socket
import ssl
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.certificates import DAY, Authority, Pair
from tests.support.gateway import logged
from tests.support.http1 import connect, request
from tests.support.wire import OPEN, wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.wire import Wire

GET = request("GET", "/")


def trusting(authority: Authority, own: Pair | None = None) -> ssl.SSLContext:
    """A client that believes `authority`."""
    context = ssl.create_default_context(cafile=str(authority.ca))
    if own is not None:
        context.load_cert_chain(own.certificate, own.key)
    return context


def section(*pairs: Pair, **others: object) -> dict[str, Any]:
    return {"tls": {"certificates": [pair.section for pair in pairs], **others}}


def handshakes(gate: Wire) -> dict[str, float]:
    found = gate.running.metrics.snapshot().values["ostiary_tls_handshakes_total"]
    return {labels[0]: value for labels, value in found.items() if value}


def events(folder: Path, name: str) -> list[object]:
    return [event.get("detail") for event in logged(folder / "security.log") if event["event"] == name]


async def presented(gate: Wire, context: ssl.SSLContext, name: str | None) -> str:
    """The subject of the certificate that a client gets that asks for `name`."""
    context.check_hostname = False
    async with connect(gate.running.port, context, name or "") as client:
        certificate = client.writer.get_extra_info("ssl_object").getpeercert()
        subject: str = certificate["subject"][0][0][1]
        return subject


async def test_a_request_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = section(authority.issue("own", "gateway.example"))
    async with wire(tmp_path, server=server) as gate:
        async with connect(gate.running.port, trusting(authority), "gateway.example") as client:
            session = client.writer.get_extra_info("ssl_object")
            assert (session.version(), session.compression()) == ("TLSv1.3", None)
            assert (await client.ask("GET", "/", headers={"X-Client-Cert-Subject": "root"})).status == 200
            answer = await client.ask("POST", "/", body=bytes(3_000_000))
            assert answer.status == 200
            assert answer.value("Strict-Transport-Security") is None
        first, second = gate.upstream.requests
        assert first.values("X-Forwarded-Proto") == ["https"]
        assert first.values("X-Client-Cert-Subject") == []
        assert len(second.body) == 3_000_000
        assert handshakes(gate) == {"full": 1}


async def test_a_large_answer_to_a_slow_reader(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = section(authority.issue("own", "gateway.example"))
    body = bytes(range(256)) * 40_000
    async with wire(tmp_path, server=server) as gate:
        gate.upstream.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        async with connect(gate.running.port, trusting(authority), "gateway.example") as client:
            answer = await client.ask("GET", "/")
            assert answer.body == body


async def test_each_name_has_its_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pairs = (
        authority.issue("first", "a.example", "127.0.0.1"),
        authority.issue("second", "b.example", "B2.example"),
        authority.issue("wild", "*.c.example"),
        authority.issue("exact", "x.c.example"),
    )
    expected = {
        "a.example": "first", "b.example": "second", "B.EXAMPLE": "second", "b2.example": "second",
        "y.c.example": "wild", "x.c.example": "exact", "y.y.c.example": "first", "c.example": "first",
        "unknown.example": "first", None: "first",
    }  # fmt: skip
    async with wire(tmp_path, server=section(*pairs)) as gate:
        assert {name: await presented(gate, trusting(authority), name) for name in expected} == expected


@pytest.mark.parametrize("name", ["unknown.example", "x.a.example", "127.0.0.1"])
async def test_unknown_names_can_be_refused(tmp_path: Path, name: str) -> None:
    authority = Authority(tmp_path)
    server = section(authority.issue("own", "a.example", "127.0.0.1"), unknown_name="refuse")
    async with wire(tmp_path, server=server) as gate:
        with pytest.raises((ssl.SSLError, ConnectionError), match="UNRECOGNIZED_NAME"):
            await presented(gate, trusting(authority), name)
        assert await presented(gate, trusting(authority), "a.example") == "own"
        assert handshakes(gate) == {"full": 1, "failed": 1}


async def test_a_client_without_tls_gets_nothing(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with wire(tmp_path, server=section(authority.issue("own", "a.example"))) as gate:
        async with connect(gate.running.port) as client:
            await client.send(GET)
            assert b"HTTP/1.1" not in await client.reader.read(1000)
        assert gate.upstream.requests == []


async def test_hsts(tmp_path: Path) -> None:
    """Once, first among equals, and on every answer, the gateway's own included."""
    authority = Authority(tmp_path)
    server = section(authority.issue("own", "a.example"), hsts={"max_age": "1d", "include_subdomains": True})
    routes = [{**OPEN[0], "match": {"path": "/open"}}]
    async with wire(tmp_path, server=server, routes=routes) as gate:
        gate.upstream.answer(b"HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=0\r\nContent-Length: 2\r\n\r\nok")
        async with connect(gate.running.port, trusting(authority), "a.example") as client:
            for target, status in (("/open", 200), ("/closed", 404), ("/%zz", 400)):
                answer = await client.ask("GET", target)
                assert answer.status == status
                assert answer.value("Strict-Transport-Security") == "max-age=86400; includeSubDomains"


def mutual(authority: Authority, mode: str, clients: Authority, *names: str) -> dict[str, Any]:
    pair = authority.issue("own", *(names or ("a.example",)))
    return section(pair, client_certificates={"mode": mode, "ca": str(clients.ca)})


async def ask(gate: Wire, context: ssl.SSLContext) -> int:
    async with connect(gate.running.port, context, "a.example") as client:
        return (await client.ask("GET", "/", headers={"Host": "a.example"})).status


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("mode", ["optional", "required"])
async def test_clients_that_are_not_who_they_must_be(tmp_path: Path, mode: str, version: ssl.TLSVersion) -> None:
    authority, clients = Authority(tmp_path), Authority(tmp_path, "clients")
    stranger = Authority(tmp_path, "strangers")
    good = clients.issue("good", "service@clients.example", client=True)
    bad = {
        "certificate has expired": clients.issue("expired", "x.example", client=True, ends=-dt.timedelta(seconds=5)),
        "certificate is not yet valid": clients.issue("early", "x.example", client=True, starts=DAY),
        "unable to get local issuer certificate": stranger.issue("strange", "x.example", client=True),
        "unsuitable certificate purpose": clients.issue("server", "x.example"),
    }
    async with wire(tmp_path, server=mutual(authority, mode, clients)) as gate:
        contexts = [trusting(authority, pair) for pair in bad.values()]
        if mode == "required":
            contexts.append(trusting(authority))
        for context in contexts:
            context.maximum_version = version
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                await ask(gate, context)
        assert gate.upstream.requests == []
        assert await ask(gate, trusting(authority, good)) == 200
        if mode == "optional":
            assert await ask(gate, trusting(authority)) == 200
    told = events(tmp_path, "client_certificate_refused")
    assert told == [*bad, "no client certificate"][: len(contexts)]


async def test_the_verified_identity_is_with_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, clients = Authority(tmp_path), Authority(tmp_path, "clients")
    names = ("orders.internal", "spiffe://internal/orders", "ops@internal.example", "10.0.0.1")
    own = clients.issue("orders", *names, client=True)
    seen: list[Any] = []
    async with wire(tmp_path, server=mutual(authority, "optional", clients)) as gate:
        reader = gate.running.gateway.door.requests
        read = reader.read

        def spy(data: bytes, peer: Any) -> Any:  # noqa: ANN401  # as it is passed on
            found: Any = read(data, peer)
            seen.append(found[0].caller.certificate)
            return found

        monkeypatch.setattr(reader, "read", spy)
        assert await ask(gate, trusting(authority, own)) == 200
        assert await ask(gate, trusting(authority)) == 200
        context = trusting(authority, own)  # resumed, it is still known
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    certificate, nobody = seen
    assert nobody is None
    der = ssl.PEM_cert_to_DER_cert(own.certificate.read_text())
    assert certificate.fingerprint == hashlib.sha256(der).hexdigest()
    assert (certificate.subject, certificate.issuer) == ("CN=orders", "CN=clients")
    assert (certificate.dns_names, certificate.uris) == (names[:1], names[1:2])
    assert (certificate.emails, certificate.addresses) == (names[2:3], names[3:])
    assert not [name for name, _ in gate.upstream.requests[0].head.headers if "cert" in name.lower()]


async def test_a_bound_connection_is_for_one_host(tmp_path: Path) -> None:
    authority, clients = Authority(tmp_path), Authority(tmp_path, "clients")
    server = mutual(authority, "optional", clients, "a.example", "b.example")
    async with wire(tmp_path, server=server) as gate:
        async with connect(gate.running.port, trusting(authority), "A.example") as client:
            assert (await client.ask("GET", "/", headers={"Host": "a.example:8443"})).status == 200
            answer = await client.ask("GET", "/", headers={"Host": "b.example"})
            assert (answer.status, answer.json["error"]) == (421, "misdirected_request")
            gate.pass_time(5)
            assert await client.ended()
        assert len(gate.upstream.requests) == 1
    assert len(events(tmp_path, "request_misdirected")) == 1


async def test_files_that_change_under_live_connections(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.issue("own", "a.example")
    other = Authority(tmp_path, "other")
    async with wire(tmp_path, server=section(own)) as gate, AsyncExitStack() as stack:
        renewal = gate.running.gateway._renewal
        (watched,) = renewal._watched
        context = trusting(authority)
        living = [await stack.enter_async_context(connect(gate.running.port, context, "a.example")) for _ in range(5)]

        async def look() -> bool:
            settled = watched.settled()
            if settled:
                await renewal.renew(watched)
            return settled

        assert not await look()
        new = other.issue("new", "a.example")
        shutil.copy(new.certificate, own.certificate)  # the key will follow
        assert not await look()
        assert await look()  # it does not come soon: what is there does not fit, and is told of, once
        assert not await look()
        assert [await ask(gate, trusting(authority)) for _ in range(2)] == [200, 200]
        shutil.copy(new.key, own.key)
        assert [await look() for _ in range(4)] == [False, True, False, False]
        assert await ask(gate, trusting(other)) == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(gate, trusting(authority))
        own.certificate.write_bytes(new.certificate.read_bytes()[:200])
        own.key.unlink()
        assert [await look() for _ in range(3)] == [False, True, False]
        assert await ask(gate, trusting(other)) == 200
        assert [(await client.ask("GET", "/")).status for client in living] == [200] * 5
    assert events(tmp_path, "certificates_unusable") == [
        "listener: key is not the key of the certificate", "listener: certificate holds no certificate",
    ]  # fmt: skip
    assert events(tmp_path, "certificates_changed") == ["listener: loaded"]


async def test_an_authority_that_is_taken_away(tmp_path: Path) -> None:
    """Neither its certificates nor the sessions that began with them are good for another connection."""
    authority, clients, others = (Authority(tmp_path, name) for name in ("ca", "clients", "others"))
    own = clients.issue("orders", "orders.internal", client=True)
    async with wire(tmp_path, server=mutual(authority, "required", clients)) as gate:
        context = trusting(authority, own)
        session = await asyncio.to_thread(resumable, gate.running.port, context)
        assert (await asyncio.to_thread(resumed, gate.running.port, context, session)) is True
        shutil.copy(others.ca, clients.ca)
        (watched,) = gate.running.gateway._renewal._watched
        assert [watched.settled() for _ in range(2)] == [False, True]
        await gate.running.gateway._renewal.renew(watched)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.to_thread(resumed, gate.running.port, context, session)


def resumable(port: int, context: ssl.SSLContext) -> ssl.SSLSession | None:
    """Make a connection and a request, and return the session that can be gone on with."""
    with (
        socket.create_connection(("127.0.0.1", port), 10) as raw,
        context.wrap_socket(raw, server_hostname="a.example") as secure,
    ):
        secure.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        if not secure.recv(4096).startswith(b"HTTP/1.1 200"):
            raise ConnectionError
        return secure.session


def resumed(port: int, context: ssl.SSLContext, session: ssl.SSLSession | None) -> bool | None:
    """Go on with `session`: whether the gateway did."""
    with (
        socket.create_connection(("127.0.0.1", port), 10) as raw,
        context.wrap_socket(raw, server_hostname="a.example", session=session) as secure,
    ):
        secure.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        if not secure.recv(4096).startswith(b"HTTP/1.1 200"):
            raise ConnectionError
        return secure.session_reused


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_resumption(tmp_path: Path, version: ssl.TLSVersion) -> None:
    authority = Authority(tmp_path)
    async with wire(tmp_path, server=section(authority.issue("own", "a.example"))) as gate:
        context = trusting(authority)
        context.maximum_version = version
        session = await asyncio.to_thread(resumable, gate.running.port, context)
        assert await asyncio.to_thread(resumed, gate.running.port, context, session)
        await gate.settle()
        assert handshakes(gate) == {"full": 1, "resumed": 1}


async def test_hanging_handshakes_stop_nobody(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with wire(tmp_path, server=section(authority.issue("own", "a.example"))) as gate, AsyncExitStack() as stack:
        for number in range(100):
            client = await stack.enter_async_context(connect(gate.running.port))
            await client.send(b"\x16\x03\x01\x02\x00\x01"[: number % 7])
        assert [await ask(gate, trusting(authority)) for _ in range(3)] == [200] * 3
        await stack.aclose()
        await gate.settle(lambda: handshakes(gate))
        assert handshakes(gate) == {"full": 3, "abandoned": 100}


async def test_handshakes_are_bounded_in_number_and_time(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = section(authority.issue("own", "a.example"), handshakes=2, handshake_timeout="300ms")
    async with wire(tmp_path, server=server) as gate:
        async with connect(gate.running.port) as one, connect(gate.running.port) as two:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await ask(gate, trusting(authority))
            assert await one.ended()
            assert await two.ended()
        assert await ask(gate, trusting(authority)) == 200
        assert handshakes(gate) == {"full": 1, "abandoned": 2, "refused": 1}
