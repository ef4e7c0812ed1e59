"""A gateway on the wire: raw octets go in at one end, and what a recording upstream got of them is the oracle.

The gateway's clock is the test's own. So a connection that waits for more octets is not waited for: once everything has
settled, time passes, every deadline does what it is there for, and the connection's whole answer is known.
"""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import h11
import msgspec

from tests.support.documents import document
from tests.support.gateway import RunningGateway, running_gateway
from tests.support.http1 import Client, connect
from tests.support.moments import Moments
from tests.support.recording import Received, RecordingUpstream, recording_upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.support.documents import Document

OPEN: Final[list[Document]] = [{"name": "all", "match": {"path": "/**"}, "upstream": "api", "anonymous": True}]
"""Routes that let everything through."""
_SECONDS: Final = 20.0
_QUIET: Final = 30
_LONG: Final = 100_000.0
_STATUS: Final = re.compile(rb"(?:\A|(?<=[\n}k]))HTTP/1\.1 ([0-9]{3}) ")


class Heard(msgspec.Struct, frozen=True):
    """All that came back on a connection until it ended, and the requests that reached the upstream meanwhile."""

    raw: bytes
    arrived: list[Received]
    by_itself: bool
    """Whether the gateway ended the connection before any deadline had passed."""

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in _STATUS.findall(self.raw)]

    @property
    def refused(self) -> bool:
        """Whether it was one refusal and nothing else, told to be the connection's last."""
        return (
            len(self.statuses) == 1
            and self.statuses[0] in {400, 408, 413, 414, 431}
            and b"\r\nConnection: close\r\n" in self.raw
            and not self.arrived
        )


class Wire(msgspec.Struct, frozen=True):
    """What `wire` yields."""

    running: RunningGateway
    upstream: RecordingUpstream
    clock: Moments
    loopback: socket.socket
    """A datagram socket that is connected to itself."""

    def connect(self, source: str = "127.0.0.1") -> AbstractAsyncContextManager[Client]:
        """Connect a client, from a loopback address, for as long as the block lasts."""
        return connect(self.running.port, source=source)

    def pass_time(self, seconds: float) -> None:
        """Have the time pass, and every deadline that it passes."""
        self.clock.now += seconds
        self.running.gateway._deadlines.sweep(self.clock.now)

    async def play(self, *pieces: bytes) -> Heard:
        """Send `pieces`, each in a segment of its own, on one connection, and return what became of them."""
        before = len(self.upstream.requests)
        received = bytearray()
        ended = asyncio.Event()
        async with asyncio.timeout(_SECONDS), connect(self.running.port) as client:
            reading = asyncio.ensure_future(_read_all(client, received, ended))
            for piece in pieces:
                if ended.is_set():
                    break
                with suppress(ConnectionError):  # it may have seen enough
                    await client.send(piece)
                await self.settle(lambda: len(received))
            by_itself = ended.is_set()
            while not ended.is_set():
                self.pass_time(_LONG)
                await self.settle(lambda: len(received))
            await reading
        return Heard(bytes(received), self.upstream.requests[before:], by_itself)

    async def settle(self, *others: Callable[[], object]) -> None:
        """Return when nothing happens any more: at the upstream, in the gateway's accounts, in what `others` tell.

        A machine that is busy may deliver late what was sent, but in order: what was sent before a datagram of our own
        has arrived when that has.
        """
        quiet, last = 0, None
        while quiet < _QUIET:
            self.loopback.send(b".")
            self.loopback.recv(1)
            await asyncio.sleep(0)
            upstream, metrics = self.upstream, self.running.metrics
            clients = self.running.gateway.door._clients
            now = (
                len(upstream.requests), upstream.open, metrics.client_connections.value,
                sum(client.exchange.received for client in clients if client.exchange is not None),
                *(other() for other in others),
            )  # fmt: skip
            quiet = quiet + 1 if now == last else 0
            last = now


async def _read_all(client: Client, received: bytearray, ended: asyncio.Event) -> None:
    with suppress(ConnectionError):
        while piece := await client.reader.read(1 << 16):
            received += piece
    ended.set()


@asynccontextmanager
async def wire(
    folder: Path, *, server: Mapping[str, object] | None = None, upstream: Mapping[str, object] | None = None,
    **sections: object,
) -> AsyncIterator[Wire]:  # fmt: skip
    """Run a gateway that lets everything through to a recording upstream, but for what the arguments say.

    `server` and `upstream` add to those sections; `sections` replace whole ones.
    """
    async with recording_upstream() as recording:
        # What one connection is answered must not depend on how others ended, unless a test is about just that.
        patient = {"circuit": {"failures": 0}, "health": {"failures": 1000}}
        upstreams = {"api": {"targets": [recording.url], **patient, **(upstream or {})}}
        configured = document(recording.url, server=server, **({"routes": OPEN, "upstreams": upstreams} | sections))
        clock = Moments()
        async with running_gateway(configured, folder, monotonic=clock) as running:
            with socket.socket(type=socket.SOCK_DGRAM) as loopback:
                loopback.bind(("127.0.0.1", 0))
                loopback.connect(loopback.getsockname())
                yield Wire(running, recording, clock, loopback)


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]],
) -> AsyncIterator[str]:
    """Yield the URL of a server that does with each connection what `serve` says, for as long as the block lasts."""
    conversations: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        conversations.add(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(converse, "127.0.0.1", 0, limit=4096)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


class Reading(msgspec.Struct, frozen=True):
    """A request as h11 reads it."""

    method: bytes
    target: bytes
    body: bytes


def second_opinion(raw: bytes) -> tuple[list[Reading], bool]:
    """Return the requests that h11 reads from `raw`, one after the other, and whether it refuses what follows them.

    One empty line before a request is taken away first: h11 refuses it, RFC 9112 section 2.2 would have it ignored.
    """
    found: list[Reading] = []
    while True:
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(raw.removeprefix(b"\r\n"))
        body = bytearray()
        try:
            event = connection.next_event()
            if not isinstance(event, h11.Request):
                return found, False
            while isinstance(part := connection.next_event(), h11.Data):
                body += part.data
        except h11.RemoteProtocolError:
            return found, True
        if not isinstance(part, h11.EndOfMessage):
            return found, False
        found.append(Reading(event.method, event.target, bytes(body)))
        if connection.their_state is not h11.DONE:  # the request is its connection's last
            return found, False
        raw = connection.trailing_data[0]


def content(received: Received) -> bytes:
    """Return the body of `received` without its framing."""
    if not received.head.chunked:
        return received.body
    ((reading,), refused) = second_opinion(received.head.raw + received.body)
    assert not refused
    return reading.body
