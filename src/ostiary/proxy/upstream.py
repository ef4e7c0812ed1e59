"""One connection to a target of an upstream: writes requests as they are given, reads responses strictly.

A connection serves one exchange at a time. It goes back to its pool only after a response that was framed without
doubt, complete, and followed by nothing; in every other case it is closed (RFC 9112 section 9.3).
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Final, cast

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import REQUEST_TIMEOUT, UPSTREAM_ERROR, UPSTREAM_TIMEOUT
from ostiary.http.body import Body
from ostiary.http.chunks import BadChunk
from ostiary.http.framing import UNTIL_CLOSE, BadFraming
from ostiary.http.head import END, hopeless, unfinished
from ostiary.proxy.last_words import last_words
from ostiary.proxy.writing import write_pieces

if TYPE_CHECKING:
    from ostiary.http.response import ResponseHead
    from ostiary.proxy.exchange import Exchange
    from ostiary.proxy.target import Target

_BROKEN: Final = Refusal(UPSTREAM_ERROR)
_SLOW: Final = Refusal(UPSTREAM_TIMEOUT)
_SLOW_CLIENT: Final = Refusal(REQUEST_TIMEOUT)
_MAX_INTERIM: Final = 8
_FINAL: Final = 200
_SWITCHING: Final = 101


class UpstreamConnection(asyncio.Protocol):
    """A kept connection. `deadline` is watched by the worker's `Deadlines`."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.deadline = inf
        self.closed = False
        self.used = False
        """Whether it was idle before the exchange at hand."""
        self._exchange: Exchange | None = None
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._outgoing: list[bytes] = []
        self._head: ResponseHead | None = None
        self._body: Body | None = None
        """What is read behind the head, once there is one."""
        self._part = b""
        """The beginning of a head whose end has not come yet."""
        self._interim = 0
        self._paused = False
        """Whether nothing is taken from the target at the moment."""
        self._received = False
        """Whether any octet of an answer has come."""
        self._full = False
        """Whether the target has yet to take much of what it was sent."""

    # What an exchange asks.

    def carry(self, exchange: Exchange) -> None:
        """Serve `exchange` from now on."""
        self._exchange = exchange
        self.deadline = inf

    def write(self, data: bytes) -> None:
        """Send `data` at once."""
        self._transport.write(data)

    def put(self, data: bytes) -> None:
        """Send `data` with the next `flush`."""
        self._outgoing.append(data)

    def flush(self) -> None:
        """Send what was put."""
        if self._outgoing:
            outgoing, self._outgoing = self._outgoing, []
            write_pieces(self._transport, outgoing)

    def pause(self) -> None:
        """Take nothing more from the target until `resume`: the client has enough for now."""
        if not self.closed and not self._paused:
            self._paused = True
            self._transport.pause_reading()
            self.deadline = inf
            self.target.pool.held_up.begin(self)

    def resume(self, mono: float) -> None:
        """Take from the target again."""
        if self._paused and not self.closed:
            self._paused = False
            self._transport.resume_reading()
            self.give_time(mono)
            self.target.pool.held_up.end(self)

    def give_time(self, mono: float) -> None:
        """Let the time begin in which the target has to do something, if what is waited for is the target.

        It is not while its answer waits for the client, nor while it has taken all there is of a request that is not
        complete: then nobody can know whether it has anything to say yet, and clients are bounded by themselves.
        """
        exchange, target = self._exchange, self.target
        if exchange is None or self._paused or not (self._full or exchange.complete):
            self.deadline = inf
        elif self._full or self._head is not None:
            self.deadline = mono + target.read_timeout
        else:
            self.deadline = mono + target.first_byte_timeout

    def request_complete(self, mono: float) -> None:
        """Note that the client owes nothing any more: it is the target's turn."""
        if not self._paused:
            self.target.pool.held_up.end(self)
        self.give_time(mono)

    @property
    def caller(self) -> str:
        """The address of who asked for what is at hand, empty if nothing is."""
        return "" if self._exchange is None else self._exchange.request.client

    @property
    def awaits(self) -> Exchange | None:
        """The exchange whose client is all that is waited for: it owes some of the request, and could send it."""
        exchange = self._exchange
        if exchange is None or exchange.complete or self._full or self._paused or exchange.client.held:
            return None
        return exchange

    def cut(self) -> None:
        """End the exchange at hand: its client is too slow."""
        if self._exchange is not None:
            self._exchange.client.cut(_SLOW_CLIENT)

    def hand_over(self, protocol: asyncio.Protocol) -> asyncio.Transport:
        """Leave the connection to `protocol`, and the pool."""
        self._exchange = None
        self.closed = True
        self._transport.set_protocol(protocol)
        self.target.lost(self)
        return self._transport

    def abort(self) -> None:
        """Close without ceremony; the exchange, if any, is told nothing."""
        self._exchange = None
        self._close()

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin. See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read a piece of a response."""
        exchange = self._exchange
        if exchange is None:  # bytes that nobody asked for: whose are they?
            self._close()
            return
        if self._part:
            data = self._longer_part(data)
            if not data:
                return
        self._received = True
        try:
            ended, rest = self._read(data, exchange)
        except _Unreadable:
            self.target.pool.metrics.protocol_errors.value += 1
            self.target.failed(exchange)
            self._fail(_BROKEN)
            return
        except Exception as error:  # noqa: BLE001  # whatever it is, it ends with the two connections
            self.abort()
            exchange.client.broken(error)
            return
        if ended:
            self._finish(exchange, clean=not rest)
        elif self._exchange is exchange:
            if self._head is not None:  # no target gains time by sending its head in pieces
                self.give_time(exchange.door.monotonic())
            exchange.client.flush()
            if exchange.client.full:
                self.pause()

    def eof_received(self) -> bool:
        """End with the target's end of stream: which may be the end of a body, too."""
        exchange, head = self._exchange, self._head
        if exchange is None:  # at once, for until the loss is told somebody could be given a connection that is none
            self._close()
        elif head is not None and head.body == UNTIL_CLOSE:
            self._exchange = None
            exchange.response_end(None)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the exchange, if there is one, that there will be no more."""
        if self.target.pool.tls is None:  # TLS has an end of its own (RFC 9112 section 9.8)
            if error is None:
                self.eof_received()
            else:
                self._hear_out()
        exchange, self._exchange = self._exchange, None
        self._close()
        if exchange is not None:
            metrics = self.target.pool.metrics
            untouched = self.used and not self._received
            if not exchange.complete:  # whoever does not send on makes any service give up: that is not its failure
                metrics.incomplete.value += 1
            else:
                metrics.resets.value += 1
                if not untouched:
                    self.target.failed(exchange)
            exchange.upstream_failed(_BROKEN, untouched=untouched)
        self.target.lost(self)

    def pause_writing(self) -> None:
        """Hold the client back: the target takes no more."""
        self._full = True
        if self._exchange is not None:
            self._exchange.client.hold_body()
            if not self._paused:
                self.target.pool.held_up.end(self)
            self.give_time(self._exchange.door.monotonic())

    def resume_writing(self) -> None:
        """Let the client go on, or give the target its time to answer."""
        self._full = False
        exchange = self._exchange
        if exchange is not None:
            self.give_time(exchange.door.monotonic())
            exchange.client.release_body()

    def expired(self, mono: float) -> None:  # noqa: ARG002  # the protocol's signature
        """Give up on a silent target, or let an idle connection go."""
        if self._exchange is not None:
            self.target.pool.metrics.timeouts.value += 1
            self.target.failed(self._exchange)
        self._fail(_SLOW)

    # Reading.

    def _longer_part(self, piece: bytes) -> bytes:
        """Return the head so far, with `piece`, if there may be something to do with it now."""
        seen = len(self._part)
        data = self._part + piece
        waits = len(data) <= self.target.header_bytes and unfinished(data, seen)
        self._part = data if waits else b""
        return b"" if waits else data

    def _read(self, data: bytes, exchange: Exchange) -> tuple[bool, bytes]:
        """Read as much of the response as `data` holds: has it ended, and what follows it. Raises `_Unreadable`."""
        while (body := self._body) is None:
            found = exchange.door.responses.read(data, exchange.request.method, self.target.header_bytes)
            if found is None:
                if END in data or len(data) > self.target.header_bytes or hopeless(data):
                    raise _Unreadable
                self._part = data
                return False, b""
            whole, (head, data) = data, found
            if isinstance(head, BadFraming):
                raise _Unreadable
            if head.body == len(data) and head.keep_alive and head.status >= _FINAL and not self._full:
                self._exchange = None
                self._received = False
                self._interim = 0
                self.used = True
                exchange.response(head, data, self)
                return False, b""
            if head.status == _SWITCHING and exchange.switched(head, whole[: len(whole) - len(data)], data, self):
                return False, b""
            self._take_head(head, exchange)
        try:
            piece, rest = body.feed(data)
        except BadChunk:
            raise _Unreadable from None
        if piece:  # no chunk may be empty but the last one
            exchange.response_body(piece)
        return body.done, rest

    def _take_head(self, head: ResponseHead, exchange: Exchange) -> None:
        if head.status == _SWITCHING:
            raise _Unreadable
        if head.status < _FINAL:
            self._interim += 1
            if self._interim > _MAX_INTERIM:
                raise _Unreadable
            exchange.interim(head)
            return
        self._head = head
        self._body = Body(head.body)
        if self.target.pool.attentive:
            self.target.pool.answering(exchange, head.status)
        exchange.response_head(head)

    # Endings.

    def _hear_out(self) -> None:
        """Read what the target answered before it broke the connection off, if it was being sent a body."""
        exchange = self._exchange
        if exchange is None or not exchange.request.framing.body:
            return
        self._close()
        self._full = True  # whatever it answers, nobody else is to have this connection
        words = last_words(self._transport)
        if words:
            self.data_received(words)

    def _finish(self, exchange: Exchange, *, clean: bool) -> None:
        """End the exchange; the connection may serve another if this response ended cleanly."""
        head, self._exchange = self._head, None
        # What a target has not read of one request, the next would have to wait behind.
        if head is None or not head.keep_alive or not clean or self.closed or self._full:
            self._close()
            exchange.response_end(None)
        else:
            self._begin()
            self.used = True
            exchange.response_end(self)

    def _fail(self, refusal: Refusal) -> None:
        exchange, self._exchange = self._exchange, None
        self._close()
        if exchange is not None:
            exchange.upstream_failed(refusal, untouched=False)

    def _close(self) -> None:
        if not self.closed:
            self.closed = True
            self.deadline = inf
            self.target.pool.held_up.end(self)
            self._transport.abort()

    def _begin(self) -> None:
        """Make ready for a response."""
        self._head = None
        self._body = None
        self._interim = 0
        self._received = False


class _Unreadable(Exception):
    """The response cannot be read in one way only."""
