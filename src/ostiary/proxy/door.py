"""The reverse-proxy door of one worker: what all of its connections share."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from ostiary.config.addresses import is_loopback
from ostiary.decision.decision import Allowed
from ostiary.http.chunks import ChunkBounds
from ostiary.http.date import DateField
from ostiary.http.forwarded import Trusted, read_address
from ostiary.http.peer import Peer
from ostiary.http.reader import RequestReader, ResponseReader
from ostiary.observe.access_log import AccessRecord
from ostiary.observe.bugs import Bugs
from ostiary.observe.security_log import OF_REASON
from ostiary.proxy.client import ClientConnection
from ostiary.proxy.crowd import Crowd
from ostiary.proxy.pace import Pace
from ostiary.proxy.websockets import WebSockets
from ostiary.tls.hsts import hsts_field
from ostiary.tls.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from ostiary.config.model import Server
    from ostiary.decision.grant import Caller
    from ostiary.decision.outcome import Refusal
    from ostiary.decision.pipeline import Pipeline
    from ostiary.http.chunks import Bound
    from ostiary.http.forwarded import Address
    from ostiary.http.headers import HeaderPolicy
    from ostiary.observe.access_log import AccessLog
    from ostiary.observe.metrics import Metrics
    from ostiary.observe.security_log import SecurityLog
    from ostiary.proxy.deadlines import Deadlines
    from ostiary.proxy.exchange import Exchange
    from ostiary.proxy.tunnel import Why
    from ostiary.proxy.upgrade import Upgrade


_NOWHERE: Final = "::"
"""The unspecified address, for a peer that has gone before it was asked for."""


class ProxyDoor:
    """Makes client connections and keeps account of them. Clocks return seconds."""

    def __init__(  # noqa: PLR0913, PLR0917  # the parts of the door, wired in one place
        self,
        server: Server,
        pipeline: Pipeline,
        fields: HeaderPolicy,
        deadlines: Deadlines,
        metrics: Metrics,
        access_log: AccessLog | None,
        security_log: SecurityLog,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.server = server
        self.bounds = server.bounds
        self.chunks = ChunkBounds(server.bounds.chunk_line_bytes, server.bounds.trailer_bytes)
        self.body_bytes = server.bounds.body_bytes
        """Of `bounds`, asked for by each request, and found faster here."""
        self.timeouts = server.timeouts
        self.pipeline = pipeline
        self.fields = fields
        self.requests = RequestReader(fields, server.bounds)
        self.date = DateField(wall)
        """Renders the Date field of an answer that is made here."""
        self.responses = ResponseReader(fields, self.date)
        self.wall = wall
        self.monotonic = monotonic
        self.own_fields = hsts_field(server.tls)
        """Header lines that every answer carries, each ended by CRLF."""
        self.before_request_id = self.own_fields + b"X-Request-Id: "
        self.draining = False
        """Whether each connection ends with its current exchange."""
        self._ended = ""
        """How requests end that are written down now: by the drain, once that cuts them off."""
        self.websockets = WebSockets(server.websockets, metrics)
        self.watch, self.forget = deadlines.watch, deadlines.forget
        self._deadlines = deadlines
        self.least_taken = max(server.bounds.answer_rate * server.timeouts.write, 1)
        """Octets that a client must take in `timeouts.write` of what is kept for it."""
        self.idled = metrics.client_connections_idle
        self.too_slow = metrics.requests_cut_answer_rate
        self._metrics = metrics
        self._decided = metrics.decision_seconds.observe
        self._answered = metrics.request_seconds.observe
        self._access_log = access_log
        self._security_log = security_log
        self.bug = Bugs(metrics.bugs("proxy"))
        """Takes exceptions that nothing expects."""
        self._trusted = Trusted(server.trusted_proxies)
        self._terminators = Trusted(server.tls_terminated_by) if server.tls_terminated_by else None
        """The only peers that may bring tokens over plain HTTP, beside this machine; None: all."""
        self.arriving = 0
        """Connections whose PROXY header is not complete: there are as many less that may be open."""
        self._clients: dict[ClientConnection, Peer] = {}
        """Every connection with its peer."""
        self.tunnels: set[Upgrade] = set()
        """Every open WebSocket: one outlives its client's connection until the service has let go of it, too."""
        self._crowd = Crowd(server)
        deadlines.watch(Pace(self._clients, server, metrics))
        self._idle: asyncio.Future[None] | None = None

    def connection(self, told: Address | None = None) -> ClientConnection:
        """Make the protocol of a new connection; `told` is its client's address, if a PROXY header has told it."""
        return ClientConnection(self, told)

    def peer(self, peername: tuple[str, int] | None, session: object = None, told: Address | None = None) -> Peer:
        """Make the peer of a new connection from its socket's address, if it still has one, and its TLS session.

        What a PROXY header has told goes before the socket's address, in all but what that alone can prove.
        """
        sender = (peername and read_address(peername[0])) or _NOWHERE
        address = told or sender
        if not isinstance(session, Session):
            return Peer(address, b"http", self._trusted, self.server.forwarded, sender=sender, ids=self.fields.ids)
        asks = self.server.tls is not None and self.server.tls.client_certificates is not None
        # Where connections prove who they are, each is for the one host that it proved it to (RFC 9110 section 7.4).
        name = session.server_name if asks else None
        trusted, family, ids = self._trusted, self.server.forwarded, self.fields.ids
        return Peer(address, b"https", trusted, family, session.certificate, name, sender, ids=ids)

    async def drain(self, on_the_way: float = 0.0) -> None:
        """Let every exchange finish, close every connection and WebSocket, and return when none is left.

        Connections that idle are kept open for the seconds that a request may be `on_the_way` on them.
        """
        self.draining = True
        for tunnel in list(self.tunnels):
            tunnel.drain()
        await asyncio.sleep(on_the_way)
        for client in list(self._clients):
            client.drain()
        if self._clients or self.tunnels:
            self._idle = asyncio.get_running_loop().create_future()
            await self._idle

    def abort(self) -> None:
        """Close every connection and WebSocket at once, because there is no time left for draining."""
        self._ended = "drain"
        for client in list(self._clients):
            client.abort()
        for tunnel in list(self.tunnels):
            tunnel.abort()

    # What the connections tell.

    def admit(self) -> bool:
        """Whether one more connection may be open; else, one is counted as refused."""
        if len(self._clients) + self.arriving < self.bounds.connections:
            return True
        self._metrics.client_connections_refused.value += 1
        return False

    def connected(self, client: ClientConnection, peer: Peer) -> bool:
        """Take account of a new connection of `peer`; False if there are too many, or it may not be."""
        if not self.admit():
            return False
        # Who can be on the way to `sender` is the question here, and no header answers it.
        sender = peer.sender
        if self._terminators is not None and sender not in self._terminators and not is_loopback(sender):
            self._metrics.client_connections_refused_plain.value += 1
            return False
        if not self._crowd.enter(peer):
            self._metrics.client_connections_refused_address.value += 1
            return False
        self._clients[client] = peer
        self._deadlines.watch(client)
        self._metrics.client_connections.value += 1
        self._metrics.client_connections_opened.value += 1
        return True

    def disconnected(self, client: ClientConnection) -> None:
        """Forget a closed connection."""
        peer = self._clients.pop(client, None)
        if peer is not None:
            self._crowd.leave(peer)
            self._deadlines.forget(client)
            self._metrics.client_connections.value -= 1
            self._gone()

    def ended(self, exchange: Exchange, mono: float) -> None:
        """Count an exchange that is over, and write it down."""
        started = exchange.started
        self._decided(exchange.decided_at - started)
        self._answered(mono - started)
        decision, refusal = exchange.decision, exchange.refusal
        if refusal is not None:
            self._refused(exchange, refusal, mono)
        elif isinstance(decision, Allowed):
            ended = exchange.status // 100
            route = decision.route
            upstream = route.upstream
            route.metrics.allowed[ended] += 1
            upstream.metrics.responses[ended] += 1
            if upstream.attentive or ended == 5:
                upstream.exchange_over(exchange, mono)
            if self._access_log is not None and self._access_log.wants(exchange.status, ""):
                self._access_log.write(self._record(exchange, decision.grant, "", mono))
        elif self._access_log is not None and self._access_log.wants(exchange.status, ""):
            record = self._record(exchange, None, "", mono)
            record.decision_us = -1  # there was none
            self._access_log.write(record)

    def switched(self, exchange: Exchange, mono: float) -> None:
        """Count an exchange that has become a tunnel; it is written down when that is over."""
        self._decided(exchange.decided_at - exchange.started)
        self._answered(mono - exchange.started)
        self.websockets.opened()
        decision = exchange.decision
        if isinstance(decision, Allowed):
            upstream = decision.route.upstream
            decision.route.metrics.allowed[1] += 1
            upstream.metrics.responses[1] += 1
            if upstream.attentive:
                upstream.exchange_over(exchange, mono)

    def tunnel_over(self, exchange: Upgrade, why: Why, mono: float) -> None:
        """Write down a tunnel that is over."""
        self.tunnels.discard(exchange)
        decision = exchange.decision
        if (
            isinstance(decision, Allowed)
            and self._access_log is not None
            and self._access_log.wants(exchange.status, "")
        ):
            record = self._record(exchange, decision.grant, "", mono)
            record.ended = why
            self._access_log.write(record)
        self._gone()

    def _gone(self) -> None:
        """Tell who waits for all of them if the last has gone."""
        if self._idle is not None and not (self._clients or self.tunnels or self._idle.done()):
            self._idle.set_result(None)

    def _refused(self, exchange: Exchange, refusal: Refusal, mono: float) -> None:
        decision, reason = exchange.decision, refusal.reason
        route = decision.route if decision is not None else None
        (self._metrics.no_route if route is None else route.metrics).refused(reason)
        caller: Caller | None = None
        if isinstance(decision, Allowed):
            caller = decision.grant
            decision.route.upstream.exchange_over(exchange, mono)
        elif decision is not None:
            caller = decision.caller
        if self._access_log is not None and self._access_log.wants(exchange.status, reason.code):
            self._access_log.write(self._record(exchange, caller, reason.code, mono))
        event = OF_REASON.get(reason.code)
        if event is not None:
            request = exchange.request
            self._security_log.write(
                event, self.wall(), mono, request_id=str(request.caller.request_id, "ascii"), client=request.client,
                route=route.name if route is not None else "", reason=reason.code,
                issuer=caller.issuer if caller is not None else "",
                subject=caller.subject if caller is not None else "", detail=refusal.detail,
            )  # fmt: skip

    def over_bound(self, bound: Bound | Literal["pipelined"]) -> None:
        """Count a request that goes no further because of `bound`."""
        self._metrics.requests_over[bound].value += 1

    def unreadable(self, refusal: Refusal, peer: Peer, request_id: bytes) -> None:
        """Count a request that could not be read, and write down what is known of it."""
        reason, told = refusal.reason, str(request_id, "ascii")
        self._metrics.no_route.refused(reason)
        if self._access_log is not None and self._access_log.wants(reason.status, reason.code):
            time = datetime.fromtimestamp(self.wall(), UTC)
            self._access_log.write(AccessRecord(time, told, peer.address, status=reason.status, reason=reason.code))
        event = OF_REASON.get(reason.code)
        if event is not None:
            self._security_log.write(
                event, self.wall(), self.monotonic(),
                request_id=told, client=peer.address, reason=reason.code, detail=refusal.detail,
            )  # fmt: skip

    def _record(self, exchange: Exchange, caller: Caller | None, reason: str, mono: float) -> AccessRecord:
        request, decision = exchange.request, exchange.decision
        route = decision.route if decision is not None else None
        return AccessRecord(  # the first by position: more than fifteen names would be gathered in a dictionary first
            datetime.fromtimestamp(self.wall(), UTC),
            str(request.caller.request_id, "ascii"),
            request.client,
            request.method,
            request.host,
            request.path,
            exchange.status,
            int((mono - exchange.started) * 1e6),
            route=route.name if route is not None else "",
            reason=reason,
            issuer=caller.issuer if caller is not None else "",
            subject=caller.subject if caller is not None else "",
            tier=caller.tier if caller is not None else "",
            decision_us=int((exchange.decided_at - exchange.started) * 1e6),
            upstream=exchange.target,
            upstream_us=int((mono - exchange.decided_at) * 1e6) if exchange.target else -1,
            bytes_in=exchange.received,
            bytes_out=exchange.sent,
            ended=self._ended,
        )
