"""HTTP/1.1 as bytes: what tests send is exactly what they wrote, what they get back is taken apart, not corrected."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

import msgspec

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

_SECONDS: Final = 20.0
_LINE: Final = 1 << 20


class Head(msgspec.Struct, frozen=True):
    """A start line and header block up to and with its empty line."""

    raw: bytes

    @property
    def start(self) -> str:
        return self.raw.split(b"\r\n", 1)[0].decode("latin-1")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The header fields in order, as written."""
        lines = self.raw.decode("latin-1").split("\r\n")[1:-2]
        return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]

    def values(self, name: str) -> list[str]:
        """Return the values of a header field, whatever the case of its name."""
        return [value for each, value in self.headers if each.lower() == name.lower()]

    @property
    def chunked(self) -> bool:
        return any("chunked" in value.lower() for value in self.values("transfer-encoding"))


async def read_head(reader: asyncio.StreamReader) -> Head:
    """Raises `asyncio.IncompleteReadError` when the peer ends first."""
    return Head(await reader.readuntil(b"\r\n\r\n"))


async def read_chunks(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return a chunked body as it came, sizes and trailers included, and its content."""
    raw = content = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        raw += line
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        piece = await reader.readexactly(size + 2)
        raw += piece
        content += piece[:-2]
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        raw += line
    return raw + line, content


class Answer(msgspec.Struct, frozen=True):
    """A response: its head, and its body without framing."""

    head: Head
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head.start.split(" ")[1])

    def value(self, name: str) -> str | None:
        """Return a header field that may come once at most, or None."""
        values = self.head.values(name)
        if len(values) > 1:
            raise AssertionError(f"{name} came {len(values)} times")
        return values[0] if values else None

    @property
    def json(self) -> dict[str, object]:
        return msgspec.json.decode(self.body, type=dict[str, object])


class Options(TypedDict, total=False):
    """What a request can have beside its line and Host."""

    token: str
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection. Each call has a deadline, so that a server that hangs fails the test at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Write `data` as it stands."""
        async with asyncio.timeout(_SECONDS):
            self.writer.write(data)
            await self.writer.drain()

    async def answer(self, *, head_only: bool = False) -> Answer:
        """Read one response; interim ones (1xx) count. `head_only`: it answers HEAD, so it has no body."""
        async with asyncio.timeout(_SECONDS):
            head = await read_head(self.reader)
            bare = Answer(head, b"")
            if head_only or bare.status < 200 or bare.status in {204, 304}:
                return bare
            if head.chunked:
                return Answer(head, (await read_chunks(self.reader))[1])
            length = bare.value("content-length")
            return Answer(head, await (self.reader.read() if length is None else self.reader.readexactly(int(length))))

    async def ended(self) -> bool:
        """Whether the server ends the connection without another byte; waits for either."""
        async with asyncio.timeout(_SECONDS):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True

    async def ask(self, method: str, target: str, **options: Unpack[Options]) -> Answer:
        """Send `request` of these arguments and read its answer."""
        await self.send(request(method, target, **options))
        return await self.answer(head_only=method == "HEAD")


@asynccontextmanager
async def connect(
    port: int, tls: ssl.SSLContext | None = None, server_name: str | None = None, *, source: str = "127.0.0.1"
) -> AsyncIterator[Client]:
    """Connect to a loopback port, from an address of this machine, for as long as the block lasts."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, limit=_LINE, ssl=tls, server_hostname=server_name, local_addr=(source, 0)
    )
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):  # the server was first
            await writer.wait_closed()


def request(method: str, target: str, **options: Unpack[Options]) -> bytes:
    """Return a well-formed request with a Host, and with what `options` say."""
    fields = {"Host": "gateway.example"}
    if "token" in options:
        fields["Authorization"] = f"Bearer {options['token']}"
    body = options.get("body")
    if body is not None:
        fields["Content-Length"] = str(len(body))
    fields |= options.get("headers", {})
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


async def ask(port: int, method: str, target: str, **options: Unpack[Options]) -> Answer:
    """Send one request on a connection of its own; `options` are those of `request`."""
    async with connect(port) as client:
        return await client.ask(method, target, **options)
