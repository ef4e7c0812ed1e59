"""A WebSocket once it is open: what one end sends goes out at the other, and the gateway says when it is over.

Two ends are each the protocol of one connection, and nothing stands between them but the count of octets and the place
where frames end, so that a Close frame can be said between two of them (RFC 6455 section 5.5.1). A tunnel ends when an
end closes, or when its time is over: `ends_at` holds the moments that decide on that.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Final, Literal, cast

from ostiary.http.frames import GOING_AWAY, POLICY_VIOLATION, Frames, close_frame
from ostiary.proxy.taken import octets_taken

if TYPE_CHECKING:
    from collections.abc import Callable

    from ostiary.config.model import WebSockets

    Lost = Callable[[Exception | None], None]

Why = Literal["client", "upstream", "expired", "idle", "lifetime", "drain", "stalled"]
"""Who, or what, ended a tunnel."""

LINGER: Final = 2.0
"""Seconds that an end has to answer a Close frame, or to take what is left for it."""
_LOOKS: Final = 8
"""How often in its idle time a tunnel is looked at: it ends late by no more than that share of it."""


class End(asyncio.Protocol):
    """One end of a tunnel, which has to take `least` octets in every `stall` seconds in which more is kept for it."""

    __slots__ = (
        "_behind", "_farewell", "_forward", "_frames", "_least", "_lost", "_passes", "_taken", "_tunnel", "ended",
        "gone", "octets", "other", "stall", "stalled_until", "transport", "who",
    )  # fmt: skip

    def __init__(self, tunnel: Tunnel, who: Literal["client", "upstream"], stall: float, least: float = 1) -> None:
        self.who: Literal["client", "upstream"] = who
        self.stall = stall
        self.stalled_until = inf
        """When to look at what it has taken; infinity while it takes all."""
        self._least = least
        self._taken = -1
        """Octets that it had taken at the last look; negative before that."""
        self.octets = 0
        """How many came from here and went on."""
        self.ended = False
        """Whether no more will come from here."""
        self.gone = False
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.other: End = cast("End", None)
        self._forward: Callable[[bytes], None] = _nowhere
        self._lost: Lost
        self._tunnel = tunnel
        self._frames = Frames()
        self._passes = True
        """Whether what comes goes on as it is."""
        self._farewell = b""
        """What is to be said to the other end once the frame under way is complete."""
        self._behind = b""
        """What came from here and whose frames are still to be followed, before any more is read, or said."""

    def join(self, transport: asyncio.Transport, other: End, lost: Lost) -> None:
        """Be the end at `transport`, whose loss `lost` is to be told of."""
        self.transport = transport
        self.other = other
        self._lost = lost
        other._forward = transport.write

    def say_close(self, frame: bytes) -> None:
        """Send `frame` to the other end as soon as one may follow, and pass on nothing behind it."""
        self._passes = False
        self._farewell = frame
        self._say()

    def stalls(self, mono: float) -> None:
        """Look from now on at what is taken: the next sweep is the first look. See `ClientStream`."""
        self._taken = -1
        self.stalled_until = mono

    def takes_enough(self, mono: float) -> bool:
        """Whether it has taken as much as it has to since the last look."""
        before, self._taken = self._taken, octets_taken(self.transport)
        self.stalled_until = mono + self.stall
        return before < 0 or self._taken - before >= self._least

    def silence(self) -> None:
        """Pass on nothing more."""
        self._passes = False
        self._farewell = b""

    # What the event loop tells.

    def data_received(self, data: bytes) -> None:
        """Pass `data` on."""
        if self._passes:
            self.octets += len(data)
            self._forward(data)
            behind = self._frames.feed(data)
            if behind:
                self._follow_later(behind)
        else:
            self._last(data)

    def eof_received(self) -> bool:
        """Pass the end of the stream on; the other direction stays open for a while, where a stream has two ends."""
        self._tunnel.ended(self)
        return self.transport.can_write_eof()  # under TLS it has one: wanting more has no effect but a warning

    def connection_lost(self, error: Exception | None) -> None:
        """End the tunnel."""
        self.gone = True
        self._lost(error)
        self._tunnel.lost(self, error)

    def pause_writing(self) -> None:
        """Hold the other end back: this one takes no more."""
        self._tunnel.stalls(self)
        if not self.other.gone:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the other end go on."""
        self.stalled_until = inf
        self.other.read_on()

    def read_on(self) -> None:
        """Read again, if nothing is in the way any more."""
        if self.other.stalled_until == inf and not self._behind and not self.gone and not self.transport.is_closing():
            self.transport.resume_reading()

    def _follow_later(self, behind: bytes) -> None:
        """Read no more until the frames of `behind` are followed too, in turn with what others want of the loop."""
        self._behind = behind
        self.transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._catch_up)

    def _catch_up(self) -> None:
        if self.gone:  # and with it the last that could be said
            return
        self._behind = self._frames.feed(self._behind)
        if self._behind:
            asyncio.get_running_loop().call_soon(self._catch_up)
        else:
            self._say()
            self._leave()
            self.read_on()

    def _last(self, data: bytes) -> None:
        """Pass on what belongs to the frame under way; look at the rest only for the answer to a Close frame."""
        if self._farewell:
            piece = self._frames.rest(data)
            if piece:
                self.octets += len(piece)
                self._forward(piece)
            self._say()
            data = data[len(piece) :]
        if data:
            behind = self._frames.feed(data)
            if behind:
                self._follow_later(behind)
        self._leave()

    def _leave(self) -> None:
        """Close this end if it is told to close, and has answered."""
        if not (self._passes or self._behind or self._farewell) and self._frames.closed:
            self.transport.close()

    def _say(self) -> None:
        """Say what is to be said, if this is the place for it, unless the peer itself has said a Close frame there."""
        if self._farewell and not self._behind and self._frames.between:
            if not self._frames.closed:
                self._forward(self._farewell)
            self._farewell = b""


def _nowhere(_: bytes) -> None:
    """Where an end sends to before it has joined another."""


class Tunnel:
    """Two ends of a WebSocket. Times are monotonic seconds. `deadline` is watched by the worker's `Deadlines`."""

    def __init__(self, settings: WebSockets, expires: float, mono: float, clock: Callable[[], float]) -> None:
        self.settings = settings
        self.why: Why | None = None
        """Why it ends, if it does."""
        self.ends_at: dict[Literal["expired", "lifetime"], float] = {
            "expired": expires,
            "lifetime": mono + settings.lifetime,
        }
        self.deadline = mono
        self._clock = clock
        self._octets = 0
        """What had passed at the last look."""
        self._active = mono
        """When something had last passed then."""
        self._last_call = inf
        """When whatever is still open is closed by force."""

    def open(self, client: End, upstream: End, over: Callable[[], None]) -> None:
        """Begin, with these ends; `over` is called once both are gone."""
        self.client = client
        self.upstream = upstream
        self._over = over

    def end(self, why: Why) -> None:
        """Close both ends in the way of the protocol; for what does not close so, `LINGER` is the limit."""
        if self.why is not None:  # it is ending already; only not for any longer
            self._last_call = min(self._last_call, self._clock() + LINGER)
            self.deadline = min(self.deadline, self._last_call)
            return
        self.why = why
        self.upstream.say_close(close_frame(POLICY_VIOLATION if why == "expired" else GOING_AWAY, masked=False))
        self.client.say_close(close_frame(GOING_AWAY, masked=True))
        self.deadline = self._last_call = self._clock() + LINGER

    def abort(self, why: Why) -> None:
        """Close both ends at once."""
        self.why = self.why or why
        for end in (self.client, self.upstream):
            end.silence()
            if not end.gone:
                end.transport.abort()

    def expired(self, mono: float) -> None:
        """Look whether the tunnel's time is over."""
        if self._last_call <= mono:
            self.abort("drain")
            return
        for end in (self.client, self.upstream):
            if end.stalled_until <= mono and not end.takes_enough(mono):
                self.abort("stalled")
                return
        stalled_until = min(self.client.stalled_until, self.upstream.stalled_until)
        for why, moment in self.ends_at.items():
            if moment <= mono:
                self.end(why)
                return
        octets = self.client.octets + self.upstream.octets
        if octets != self._octets or stalled_until < inf:  # something passes, if only out of what is kept
            self._octets, self._active = octets, mono
        idle_until = self._active + self.settings.idle
        if idle_until <= mono:
            self.end("idle")
            return
        look = min(idle_until, mono + self.settings.idle / _LOOKS)
        self.deadline = min(look, stalled_until, *self.ends_at.values(), self._last_call)

    # What the ends tell.

    def stalls(self, end: End) -> None:
        """Give `end` its time to take something."""
        end.stalls(self._clock())
        self.deadline = min(self.deadline, end.stalled_until)

    def ended(self, end: End) -> None:
        """Let the other end know that no more will come from `end`."""
        end.ended = True
        other = end.other
        if other.gone or other.ended or self._last_call < inf:
            self._close(end)
            self._close(other)
        elif other.transport.can_write_eof():
            other.transport.write_eof()
            self._last_call = self._clock() + other.stall
            self.deadline = min(self.deadline, self._last_call)
        else:
            self._close(other)
        self.why = self.why or end.who

    def lost(self, end: End, error: Exception | None) -> None:
        """Let the other end take what is left for it, and go."""
        self.why = self.why or end.who
        other = end.other
        if other.gone:
            self._over()
            return
        other.silence()
        if error is not None:
            other.transport.abort()
            return
        self._last_call = min(self._last_call, self._clock() + LINGER)
        self.deadline = min(self.deadline, self._last_call)
        if other.ended or not other.transport.can_write_eof():
            self._close(other)
        elif not end.ended:
            other.transport.write_eof()

    @staticmethod
    def _close(end: End) -> None:
        if not end.gone:
            end.transport.close()
