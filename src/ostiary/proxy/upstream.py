"""One connection to a target of an upstream: writes requests as they are given, reads responses strictly.

A connection serves one exchange at a time. It goes back to its pool only after a response that was framed without doubt,
complete, and followed by nothing; in every other case it is closed (RFC 9112 section 9.3).
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Final, cast

from httptools import HttpParserError, HttpResponseParser

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import UPSTREAM_ERROR, UPSTREAM_TIMEOUT
from ostiary.http.framing import UNTIL_CLOSE, BadFraming
from ostiary.http.response import canonical_response

if TYPE_CHECKING:
    from ostiary.http.response import ResponseHead
    from ostiary.proxy.exchange import Exchange
    from ostiary.proxy.pool import Target

_BROKEN: Final = Refusal(UPSTREAM_ERROR)
_SLOW: Final = Refusal(UPSTREAM_TIMEOUT)
_HEAD_BYTES: Final = 64 * 1024
_HEAD_FIELDS: Final = 256


class UpstreamConnection(asyncio.Protocol):
    """A kept connection. `deadline` is watched by the worker's `Deadlines`."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.deadline = inf
        self.closed = False
        self.used = False
        """Whether it has served an exchange before the one at hand."""
        self._exchange: Exchange | None = None
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._outgoing: list[bytes] = []
        self._parser = HttpResponseParser(self)
        self._pairs: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._head: ResponseHead | None = None
        self._complete = False
        """Whether the response has ended."""
        self._dirty = False
        """Whether something followed its end."""
        self._interim = False
        """Whether an interim answer is being read."""
        self._received = False
        """Whether any byte of an answer has come."""

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
        """Send what was put, in one write."""
        if self._outgoing:
            outgoing = self._outgoing
            self._transport.write(outgoing[0] if len(outgoing) == 1 else b"".join(outgoing))
            self._outgoing = []

    def pause(self) -> None:
        """Take nothing more from the target until `resume`."""
        self._transport.pause_reading()
        self.deadline = inf

    def resume(self, mono: float) -> None:
        """Take from the target again."""
        if not self.closed:
            self._transport.resume_reading()
            self.deadline = mono + self.target.timeouts.read_timeout

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
        self._received = True
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._fail(_unwrapped(error))
            return
        if self._head is None:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES:
                self._fail(_BROKEN)
                return
        if self._complete:
            self._finish(exchange)
        else:
            self.deadline = exchange.client.door.monotonic() + self.target.timeouts.read_timeout
            exchange.client.flush()

    def eof_received(self) -> bool:
        """End with the target's end of stream: which may be the end of a body, too."""
        exchange, head = self._exchange, self._head
        if exchange is not None and head is not None and head.body == UNTIL_CLOSE:
            self._exchange = None
            exchange.response_end(None)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the exchange, if there is one, that there will be no more."""
        if error is None:
            self.eof_received()
        exchange, self._exchange = self._exchange, None
        self._close()
        self.target.lost(self)
        if exchange is not None:
            exchange.upstream_failed(_BROKEN, untouched=self.used and not self._received)

    def pause_writing(self) -> None:
        """Hold the client back: the target takes no more."""
        if self._exchange is not None:
            self._exchange.client.hold_body()

    def resume_writing(self) -> None:
        """Let the client go on."""
        if self._exchange is not None:
            self._exchange.client.release_body()

    def expired(self, mono: float) -> None:  # noqa: ARG002  # the protocol's signature
        """Give up on a silent target, or let an idle connection go."""
        if self._exchange is not None:
            self.target.failed()
        self._fail(_SLOW)

    # What the parser tells.

    def on_message_begin(self) -> None:
        """Note whether a second message begins behind the first."""
        if self._complete:
            self._dirty = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a field; a trailer is read and left (RFC 9110 section 6.5.1)."""
        if self._head is None and not self._dirty:
            self._pairs.append((name, value))
            self._head_bytes += len(name) + len(value)
            if self._head_bytes > _HEAD_BYTES or len(self._pairs) > _HEAD_FIELDS:
                raise _Unreadable

    def on_headers_complete(self) -> None:
        """Read the head and pass it on."""
        exchange = self._exchange
        if exchange is None or self._dirty or self._complete:
            return
        parser = self._parser
        status = parser.get_status_code()
        if status < 200 and status != 101:  # noqa: PLR2004  # interim answers, RFC 9110 section 15.2
            self._pairs = []
            self._interim = True
            return
        head = canonical_response(
            status, parser.get_http_version(), self._pairs, exchange.request.method, exchange.client.door.fields
        )
        if isinstance(head, BadFraming):
            raise _Unreadable
        self._head = head
        exchange.response_head(head)
        self._complete = head.headless

    def on_body(self, data: bytes) -> None:
        """Pass a piece of the body on."""
        if self._complete or self._exchange is None:
            self._dirty = True
        else:
            self._exchange.response_body(data)

    def on_message_complete(self) -> None:
        """Note the end; what follows it decides whether the connection may live."""
        if self._interim:
            self._interim = False
        else:
            self._complete = True

    # Endings.

    def _finish(self, exchange: Exchange) -> None:
        head, self._exchange = self._head, None
        if head is None or not head.keep_alive or self._dirty or self.closed:
            self._close()
            exchange.response_end(None)
        else:
            self._reset(head)
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
            self._transport.abort()

    def _reset(self, head: ResponseHead) -> None:
        """Make ready for the next response."""
        if head.headless:  # the parser still waits for the body that the fields spoke of
            self._parser = HttpResponseParser(self)
        self._pairs = []
        self._head_bytes = 0
        self._head = None
        self._complete = False
        self._received = False


class _Unreadable(Exception):
    """The response cannot be read in one way only."""


def _unwrapped(error: HttpParserError) -> Refusal:
    """Tell a response that cannot be read from a bug of ours inside a callback, which arrives wrapped."""
    cause = error.__context__
    if cause is not None and not isinstance(cause, _Unreadable | HttpParserError):
        raise cause
    return _BROKEN
