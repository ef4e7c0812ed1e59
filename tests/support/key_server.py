"""A real HTTP server for keys that does to its clients whatever the test says."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Answer(Protocol):
    """What a server does with a request."""

    async def __call__(self, writer: asyncio.StreamWriter, /) -> None: ...


def raw(text: bytes) -> Answer:
    """Send these octets and close."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    return answer


def reply(body: object, status: int = 200, **headers: str) -> Answer:
    """Answer properly; a body that is not bytes is sent as JSON. Underscores in header names stand for hyphens."""
    octets = body if isinstance(body, bytes) else msgspec.json.encode(body)
    fields = {"Content-Length": str(len(octets)), "Connection": "close", **headers}
    lines = [f"HTTP/1.1 {status} Status", *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]
    return raw("\r\n".join([*lines, "", ""]).encode() + octets)


async def hang(_writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def drip(writer: asyncio.StreamWriter) -> None:
    """Answer one octet at a time, forever."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def flood(writer: asyncio.StreamWriter) -> None:
    """Answer with a body that has no end."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()


class KeyServer:
    """Answers GETs on loopback; `answers` by path, `seen` in order. A path without an answer is 404."""

    def __init__(self, scheme: str) -> None:
        self._scheme = scheme
        self.answers: dict[str, Answer] = {}
        self.seen: list[str] = []
        self.port = 0

    def url(self, path: str = "/jwks", host: str = "127.0.0.1") -> str:
        """The address of `path`."""
        return f"{self._scheme}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split()[1].decode()
            self.seen.append(path)
            await self.answers.get(path, reply(b"", 404))(writer)
        writer.close()


@asynccontextmanager
async def key_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[KeyServer]:
    """Run a `KeyServer`, over TLS if given a context."""
    server = KeyServer("https" if tls else "http")
    connections: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(server.serve(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    listener = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


class Authority:
    """A certificate authority of its own, whose files live in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        self._root = self._certificate(self._name, self._key.public_key(), days=30, names=None)

    def client(self) -> ssl.SSLContext:
        """A context that trusts this authority and checks everything."""
        return ssl.create_default_context(cadata=self._root.public_bytes(serialization.Encoding.PEM).decode())

    def server(self, names: list[str], *, days: int = 30) -> ssl.SSLContext:
        """A context with a certificate for `names`, which ends in `days` from now (negative: ended)."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate(x509.Name([]), key.public_key(), days=days, names=names)
        path = self._folder / f"{names[0]}{days}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, days: int, names: list[str] | None
    ) -> x509.Certificate:
        end = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - dt.timedelta(days=60))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
        )
        if names is not None:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=not subject.rdns
            )
        return builder.sign(self._key, hashes.SHA256())
