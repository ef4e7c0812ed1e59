"""An exchange that asks for another protocol: a WebSocket where the route has them, an ordinary one everywhere else.

Whatever the client sends behind such a request is meant for the protocol that it asked for. It is kept aside, unread,
until the upstream has agreed to the switch, and dropped with the connection otherwise (RFC 9110 section 7.8).
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.credentials.cookie import take_cookie
from ostiary.decision.decision import Allowed, Refused
from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import WEBSOCKETS_FULL
from ostiary.http.websocket import BAD_VERSION, Handshake, read_switch
from ostiary.proxy.exchange import Exchange
from ostiary.proxy.tunnel import End, Tunnel

if TYPE_CHECKING:
    from ostiary.decision.decision import Decision
    from ostiary.http.request import Request
    from ostiary.http.response import ResponseHead
    from ostiary.proxy.client import ClientConnection
    from ostiary.proxy.upstream import UpstreamConnection

_OUR_VERSION: Final = b"Sec-WebSocket-Version: 13\r\n"
"""RFC 6455 section 4.4."""
_FULL: Final = Refusal(WEBSOCKETS_FULL, retry_after=1)


class Upgrade(Exchange):
    """A request for another protocol. See `Exchange`."""

    __slots__ = ("_asked", "_early", "_room", "_tunnel")

    def __init__(self, client: ClientConnection, request: Request, started: float) -> None:
        super().__init__(client, request, started)
        self._early: list[bytes] = []
        self._room = self.door.bounds.header_bytes
        """Octets that may still be kept; they may come one by one, and must not be counted anew with each."""
        self._asked: Handshake | None = None
        """What the upstream is asked for; None if the wish is ignored."""
        self._tunnel: Tunnel | None = None

    def keep(self, data: bytes) -> bool:
        """Keep what came behind the request; False if that is much already."""
        if data:
            self._early.append(data)
            self._room -= len(data)
        return self._room >= 0

    def _decided(self, decision: Decision) -> None:
        if isinstance(decision, Allowed) and decision.route.websocket:
            handshake = self.request.handshake
            if isinstance(handshake, Handshake) and self.door.websockets.enter():
                self._asked = handshake
                taken = take_cookie(self.request, decision.route.websocket_cookie)
                if not isinstance(taken, Refusal):  # which was decided on
                    self.request = taken
            elif isinstance(handshake, Handshake):
                self.decision = decision
                self.decided_at = self.door.monotonic()
                self.refuse(_FULL, decision.fields)
                return
        elif self.request.handshake is BAD_VERSION and isinstance(decision, Refused):
            decision = msgspec.structs.replace(decision, fields=decision.fields + _OUR_VERSION)
        super()._decided(decision)

    def assigned(self, upstream: UpstreamConnection, mono: float) -> None:
        """Send the request by `upstream`, with the wish if it is one for a WebSocket."""
        decision = self.decision
        if self._asked is None or not isinstance(decision, Allowed):
            super().assigned(upstream, mono)
            return
        grant = decision.grant
        self._upstream = upstream
        self.target = upstream.target.name
        keeps = grant.keeps_authorization
        upstream.write(self.request.switching_head(self._asked, grant.identity_fields, keeps_authorization=keeps))
        upstream.deadline = mono + upstream.target.first_byte_timeout

    def switched(self, head: ResponseHead, raw: bytes, rest: bytes, upstream: UpstreamConnection) -> bool:
        """Open the tunnel, if the 101 in `raw` is a good answer to the wish; `rest` has followed it."""
        decision, asked = self.decision, self._asked
        lines = read_switch(raw, asked) if asked is not None else None
        if asked is None or lines is None or not isinstance(decision, Allowed):
            return False
        door, client = self.door, self.client
        mono = door.monotonic()
        self.status, self.answered, self.over = head.status, True, True
        self._upstream = None
        door.switched(self, mono)
        request_id = door.before_request_id + self.request.caller.request_id + b"\r\n"
        client.write(b"".join((head.lines, lines, request_id, decision.fields, b"\r\n")))
        settings = door.websockets.settings
        expires = decision.grant.expires
        until = inf if expires == inf else mono + expires + settings.grace - door.wall()
        tunnel = self._tunnel = Tunnel(settings, until, mono, door.monotonic)
        ends = (
            End(tunnel, "client", door.timeouts.write, door.least_taken),
            End(tunnel, "upstream", upstream.target.read_timeout),
        )
        tunnel.open(*ends, self._tunnel_over)
        full = client.full
        ends[0].join(client.hand_over(ends[0]), ends[1], client.connection_lost)
        ends[1].join(upstream.hand_over(ends[1]), ends[0], _nobody)
        if full:
            ends[0].pause_writing()
        door.watch(tunnel)
        door.tunnels.add(self)
        for end, data in ((ends[1], rest), (ends[0], b"".join(self._early))):
            if data:
                end.data_received(data)
        self._early = []
        if door.draining:
            tunnel.end("drain")
        return True

    def drain(self) -> None:
        """Close the WebSocket."""
        if self._tunnel is not None:
            self._tunnel.end("drain")

    def abort(self) -> None:
        """Close the WebSocket at once."""
        if self._tunnel is not None:
            self._tunnel.abort("drain")

    def _tunnel_over(self) -> None:
        tunnel = self._tunnel
        if tunnel is None or tunnel.why is None:
            return
        self._tunnel = None
        self.received, self.sent = tunnel.client.octets, tunnel.upstream.octets
        self.door.forget(tunnel)
        self.door.websockets.closed(tunnel.why)
        self.door.tunnel_over(self, tunnel.why, self.door.monotonic())

    def _end(self, mono: float) -> None:
        if self._asked is not None:
            self._asked = None
            self.door.websockets.leave()
        super()._end(mono)


def _nobody(_: Exception | None) -> None:
    """An upstream's connection has left its pool when the tunnel began."""
