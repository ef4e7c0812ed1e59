"""One client's connection: reads requests strictly, has them answered in order, and bounds all that a client may do.

Requests are answered one at a time. Those that a client pipelines wait, read already, and nothing more is read until
they are done; so a connection never holds more than one read's worth of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Final, cast

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import (
    BAD_REQUEST,
    HEADERS_TOO_LARGE,
    INTERNAL_ERROR,
    MISDIRECTED_REQUEST,
    REQUEST_TIMEOUT,
    TARGET_TOO_LONG,
)
from ostiary.http.body import Body
from ostiary.http.chunks import BadChunk
from ostiary.http.head import END, hopeless, unfinished
from ostiary.http.request import MALFORMED
from ostiary.http.request_id import new_request_id
from ostiary.proxy.answers import refusal_answer
from ostiary.proxy.exchange import Exchange
from ostiary.proxy.stream import ClientStream, Hold
from ostiary.proxy.upgrade import Upgrade

if TYPE_CHECKING:
    from ostiary.http.forwarded import Address
    from ostiary.http.peer import Peer
    from ostiary.http.request import Request
    from ostiary.proxy.door import ProxyDoor

_TOO_MANY: Final = Refusal(BAD_REQUEST, "Too many requests were sent ahead of their answers.")
_HEADERS: Final = Refusal(HEADERS_TOO_LARGE)
_TARGET: Final = Refusal(TARGET_TOO_LONG)
_SLOW: Final = Refusal(REQUEST_TIMEOUT)
_MISDIRECTED: Final = Refusal(MISDIRECTED_REQUEST)
_BUG: Final = Refusal(INTERNAL_ERROR)
_STEPS: Final = 16
"""Heads and whole bodies that are read of one client in one turn of the loop; then it is the others' turn."""
_LINES: Final = 1024
"""Lines of a chunked body that are read in one turn: a millisecond's work."""


class ClientConnection(ClientStream):
    """A connection of the listener. `deadline` is watched by the worker's `Deadlines`."""

    def __init__(self, door: ProxyDoor, told: Address | None = None) -> None:
        super().__init__(door)
        self._told = told
        """The client's address, if a PROXY header has told it."""
        self._peer: Peer = cast("Peer", None)
        self._current: Exchange | None = None
        """The exchange being answered."""
        self._waiting: deque[Exchange] = deque()
        """Exchanges read ahead."""
        self._incoming: Exchange | None = None
        """The exchange whose body is being read."""
        self._fault: Refusal | None = None
        """Why nothing more of this connection can be read."""
        self._bodiless = False
        """Whether what could not be read asked for a head only (RFC 9110 section 9.3.2)."""
        self._started = 0.0
        """When the latest piece came."""
        self._part = b""
        """The beginning of a head whose end has not come yet."""
        self._skipped = False
        """Whether an empty line before the next request was passed over."""
        self._body: Body = cast("Body", None)
        """What is read of `_incoming`, if that is any."""
        self._going_on = False
        """Whether `_go_on` is at work further up the stack."""
        self._later = b""
        """What was received and is to be read in a later turn of the loop."""
        self._upgrade: Upgrade | None = None
        """A request for another protocol, behind which nothing is read as a request."""
        self.holds = 0
        """How often an upstream that was full has held the client back."""

    # What an exchange asks.

    def exchange_over(self, exchange: Exchange, mono: float) -> None:
        """Go on to the next request, or close, once `exchange` is answered and read."""
        if exchange is not self._current:
            return
        self._current = None
        if exchange.close:
            self.close_gently()
        elif self._waiting:
            self._release(Hold.BODY)
            self._go_on(mono)
        elif self._fault is not None:
            self._answer_fault(self._fault)
        elif self.door.draining:
            self.close_gently()
        else:
            self._rest(mono)
            if self._holds:
                self._release(Hold.PIPELINE | Hold.BODY)

    def hold_body(self) -> None:
        """Read nothing more: the upstream is full."""
        self.holds += 1
        self._hold(Hold.BODY)
        self._give_time(inf)

    def release_body(self) -> None:
        """Read again."""
        self._release(Hold.BODY)
        self._give_time(self.door.monotonic())

    def close_gently(self) -> None:
        """Close so that the last answer arrives, even while the client is still sending (RFC 9112 section 9.6)."""
        if self._closed or self._lingering >= 0:
            return
        self._waiting.clear()
        read = self._incoming is None and not self._part and not self._holds
        if read and self._fault is None and self._upgrade is None:
            self._close()
        else:
            self._linger()

    def abort(self) -> None:
        """Close at once, without a clean end."""
        super().abort()
        self._waiting.clear()
        if self._upgrade is not None:
            self._upgrade.abort()

    def hand_over(self, protocol: asyncio.Protocol) -> asyncio.Transport:
        """Leave the connection to `protocol`, which tells `connection_lost`; drains and aborts go to the upgrade."""
        self._current = None
        self.deadline = inf
        self._transport.set_protocol(protocol)
        self._release(~Hold.NONE)
        return self._transport

    def broken(self, error: Exception) -> None:
        """End after an exception that nothing expects: with 500 if the request at hand is not answered yet."""
        self.door.bug(error)
        self._incoming, self._fault = None, _BUG
        try:
            if self._current is None:
                self._answer_fault(_BUG)
            else:
                self._current.body_unreadable(_BUG)
        except Exception as again:  # noqa: BLE001  # whatever it is, it ends with this connection
            self.door.bug(again)
            self.abort()

    @property
    def exchange(self) -> Exchange | None:
        """The exchange at hand."""
        return self._current

    @property
    def receiving(self) -> bool:
        """Whether the body of the exchange at hand is not complete yet."""
        return self._incoming is not None and self._incoming is self._current

    def cut(self, refusal: Refusal) -> None:
        """End the exchange at hand, with `refusal` if it is not answered yet."""
        if self._closed or self._lingering >= 0 or self._current is None:
            return
        if self._current.answered:
            self.abort()
        else:
            self._current.body_unreadable(refusal)

    def drain(self) -> None:
        """Close if idle; else let the current exchange be the last."""
        if self._current is None and not self._waiting:
            if self._upgrade is None:
                self.close_gently()
            else:
                self._upgrade.drain()

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin. See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        door = self.door
        session = transport.get_extra_info("ssl_object")
        self._peer = door.peer(transport.get_extra_info("peername"), session, self._told)
        self.deadline = door.monotonic() + door.timeouts.header
        if not door.connected(self, self._peer):
            self._closed = True
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read a piece of one or more requests."""
        if self._lingering >= 0:
            self._drop(data)
            return
        if self._ended():
            self._left_over(data)
            return
        if self._part:
            data = self._longer_part(data)
        self._started = self.door.monotonic()
        steps = _STEPS
        try:
            while data:
                body_of = self._incoming
                data = self._read_head(data) if body_of is None else self._read_body(data, body_of)
                steps -= 1
                if data and self._breaks_off(data, steps, body_of):
                    break
            incoming = self._incoming
            if incoming is not None:
                incoming.flush_body()
                if not self._holds:
                    self._give_time(self._started)
        except Exception as error:  # noqa: BLE001  # whatever it is, it ends with this connection
            self.broken(error)

    def eof_received(self) -> bool:
        """Take the client's end of stream for the end of all interest."""
        return False

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002  # the protocol's signature
        """Let go of everything."""
        self._closed = True
        self.deadline = inf
        self._waiting.clear()
        if self._current is not None:
            self._current.client_gone()
            self._current = None
        self._incoming = None
        self.door.disconnected(self)

    def pause_writing(self) -> None:
        """Hold the upstream back, and further requests: the client takes no more."""
        self.full = True
        self._watch_taking()
        if self._incoming is None:
            self._hold(Hold.ANSWERS)
        if self._current is not None:
            self._current.hold_response()

    def resume_writing(self) -> None:
        """Let the upstream go on, or the next request."""
        self.full = False
        if self._closed or self._lingering >= 0:
            return
        mono = self.door.monotonic()
        self._release(Hold.ANSWERS)
        if self._later:
            asyncio.get_running_loop().call_soon(self._take_turn)
        if self._current is not None:
            self.deadline = inf
            self._give_time(mono)
            self._current.release_response()
        elif self._waiting:
            self._go_on(mono)
        else:
            self._rest(mono)

    def expired(self, mono: float) -> None:
        """Give up on a client that is too slow."""
        if (self.full or self._closed) and self._takes_enough(mono):
            return
        self.deadline = inf
        if self._closed or self._lingering >= 0:
            self._transport.abort()
        elif self._current is not None:
            if self._current.answered:
                self.abort()
            else:
                self._current.body_unreadable(_SLOW)
        elif self._part:
            self._unreadable(_SLOW, self._part)
        else:
            self.door.idled.value += 1
            self.close_gently()

    # Reading.

    def _read_head(self, data: bytes) -> bytes:
        """Read a head, if all of it is there, and have it answered when its turn has come; return what follows it."""
        if data[:2] == b"\r\n" and not self._skipped:  # one empty line is no fault (RFC 9112 section 2.2)
            self._skipped = True
            return data[2:]
        door = self.door
        found = door.requests.read(data, self._peer)
        if found is None:
            self._head_piece(data)
            return b""
        request, rest = found
        if len(data) - len(rest) > door.bounds.header_bytes:
            request = _HEADERS
        elif self._peer.server_name is not None and self._misdirected(request):
            request = _MISDIRECTED
        if isinstance(request, Refusal):
            self._unreadable(request, data)
            return b""
        self._skipped = False
        exchange = self._wish(request) if request.framing.upgrade else Exchange(self, request, self._started)
        body = request.framing.body
        if body:
            self._incoming = exchange
            self._body = Body(body, door.chunks)
        if self._current is None:
            self._current = exchange
            self.deadline = inf
            exchange.begin()
        elif len(self._waiting) < door.bounds.pipelined:
            self._waiting.append(exchange)
            self._hold(Hold.PIPELINE)
        else:
            self._incoming = None
            door.over_bound("pipelined")
            self._unreadable(_TOO_MANY, data)
        return rest

    def _head_piece(self, data: bytes) -> None:
        """Keep the beginning of a head, as long as it can become a good one within its bounds."""
        bounds = self.door.bounds
        if len(data) > bounds.header_bytes:
            line = data.find(b"\r\n")
            self._unreadable(_HEADERS if 0 <= line <= bounds.target_bytes else _TARGET, data)
        elif END in data or hopeless(data):
            self._unreadable(MALFORMED, data)
        else:
            if self._current is None and self.deadline > self._started + self.door.timeouts.header:
                self.deadline = self._started + self.door.timeouts.header
            self._part = data

    def _longer_part(self, piece: bytes) -> bytes:
        """Return the head so far, with `piece`, if there may be something to do with it now."""
        seen = len(self._part)
        data = self._part + piece
        waits = len(data) <= self.door.bounds.header_bytes and unfinished(data, seen)
        self._part = data if waits else b""
        return b"" if waits else data

    def _read_body(self, data: bytes, incoming: Exchange) -> bytes:
        """Read a piece of the body of `incoming`; return what follows its end."""
        body = self._body
        try:
            piece, rest = body.feed(data, _LINES)
        except BadChunk as bad:
            if bad.bound is not None:
                self.door.over_bound(bad.bound)
            self._unreadable(MALFORMED)
            return b""
        if piece:
            incoming.request_body(piece)
        if body.done:
            self._incoming = None
            if self.full:
                self._hold(Hold.ANSWERS)
            elif incoming is self._current:
                self.deadline = inf
            incoming.request_end()
            incoming.flush_body()
        return rest

    def _breaks_off(self, data: bytes, steps: int, body_of: Exchange | None) -> bool:
        """Whether `data` is not read now: never, or in another turn of the loop.

        One client must not keep all others waiting, nor be answered while it does not take its answers. Its turn ends
        after so many `steps`, or after a piece of the body of `body_of`, if that is not over.
        """
        if self._ended():  # which what was just read may have brought about
            self._left_over(data)
            return True
        if steps and not self.full and (body_of is None or body_of is not self._incoming):
            return False
        self._later = data
        self._hold(Hold.TURN)
        if not self.full:
            self.deadline = self._started + self.door.timeouts.body  # its time begins anew: the wait is not its fault
            asyncio.get_running_loop().call_soon(self._take_turn)
        return True

    def _take_turn(self) -> None:
        """Go on with what was put off, unless the client takes no answers; `resume_writing` comes back to it then."""
        if self.full and self._lingering < 0:
            return
        data, self._later = self._later, b""
        if data and not self._closed:
            self._release(Hold.TURN)
            self.data_received(data)

    # Helpers.

    def _go_on(self, mono: float) -> None:
        """Begin what waits, one after the other, as far as each is answered at once and the client takes that."""
        if self._going_on:  # an answer given at once came back here: the loop goes on by itself
            return
        self._going_on = True
        while self._waiting and self._current is None and not self.full:
            following = self._current = self._waiting.popleft()
            self.deadline = inf
            if following is self._incoming:
                self._release(Hold.PIPELINE)
                self.deadline = mono + self.door.timeouts.body
            following.begin()
            following.flush_body()
        self._going_on = False

    def _rest(self, mono: float) -> None:
        if not self.full:  # as in `_give_time`
            timeouts = self.door.timeouts
            self.deadline = mono + (timeouts.header if self._part else timeouts.idle)

    def _give_time(self, mono: float) -> None:
        """Let the time begin in which more of the body at hand has to come, if the client can send it; infinity: never.

        While the client is full, its deadline is that for taking what it was sent, which nothing it sends may put off.
        """
        if not self.full and self.receiving:
            self.deadline = inf if self._holds else mono + self.door.timeouts.body

    def _unreadable(self, refusal: Refusal, head: bytes = b"") -> None:
        """Refuse what cannot be read, after the answers to what was asked before it; nothing more is read.

        `head` is what there is of its head, if that is what cannot be read.
        """
        self._bodiless = head.startswith(b"HEAD ")
        incoming, self._incoming = self._incoming, None
        self._fault = refusal
        if incoming is None:
            if self._current is None:
                self._answer_fault(refusal)
        elif incoming is self._current:
            incoming.body_unreadable(refusal)
        else:
            self._bodiless = incoming.request.method == "HEAD"
            self._waiting.remove(incoming)

    def _wish(self, request: Request) -> Exchange:
        """Make the exchange of a request behind which nothing is read: it may be meant in another protocol."""
        self._upgrade = Upgrade(self, request, self._started)
        return self._upgrade

    def _left_over(self, data: bytes) -> None:
        """Take what is not read as a request."""
        if self._upgrade is not None and not self._upgrade.keep(data):
            self._hold(Hold.EARLY)

    def _misdirected(self, request: Request | Refusal) -> bool:
        """Whether `request` is for another host than the one that this connection was bound to by TLS."""
        return not isinstance(request, Refusal) and request.host != self._peer.server_name

    def _ended(self) -> bool:
        return self._closed or self._fault is not None or self._lingering >= 0 or self._upgrade is not None

    def _answer_fault(self, refusal: Refusal) -> None:
        request_id, fields = new_request_id(), self.door.date() + self.door.own_fields
        self.door.unreadable(refusal, self._peer, request_id)
        self.write(refusal_answer(refusal, request_id, fields, head=self._bodiless, close=True))
        self.close_gently()
