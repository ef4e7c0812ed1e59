"""One request and its response on their way through the gateway.

An exchange is driven by two connections, the client's and the upstream's, and belongs to both for its life. Its stages,
in order: `begin` asks for the decision; `assigned` sends the request upstream; `response_head`, `response_body` and
`response_end` carry the answer back; it is `over` when the answer is complete or can never be. Either peer may be gone
at any point: that is ordinary, and ends the exchange.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ostiary.decision.decision import Allowed, Decision
from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import BODY_TOO_LARGE, INTERNAL_ERROR
from ostiary.http.framing import CHUNKED
from ostiary.proxy.answers import CONTINUE, refusal_answer
from ostiary.proxy.driving import finish_later

if TYPE_CHECKING:
    import asyncio

    from ostiary.http.request import Request
    from ostiary.http.response import ResponseHead
    from ostiary.proxy.client import ClientConnection
    from ostiary.proxy.upstream import UpstreamConnection

_TOO_LARGE: Final = Refusal(BODY_TOO_LARGE)
_BUG: Final = Refusal(INTERNAL_ERROR)
_DRAINED: Final = 64 * 1024
"""Bytes of an unwanted body that are read and dropped to keep the connection."""
_HELD: Final = 64 * 1024
"""Bytes of a body that are kept before there is a connection to send them by; then the client has to wait, too."""
_RETRIES: Final = 1
_CONTINUE: Final = 100
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_LAST_CHUNK: Final = b"0\r\n\r\n"


class Exchange:
    """A request being answered. Times are monotonic seconds, sizes bytes of the bodies."""

    __slots__ = (
        "_body_complete", "_chunked", "_deciding", "_held", "_retries", "_upstream", "answered", "client", "close",
        "decided_at", "decision", "door", "over", "received", "refusal", "request", "sent", "started", "status",
        "target",
    )  # fmt: skip

    def __init__(self, client: ClientConnection, request: Request, started: float) -> None:
        self.client = client
        self.door = client.door
        self.request = request
        self.started = started
        self.decided_at = started
        self.decision: Decision | None = None
        self.refusal: Refusal | None = None
        """Why the gateway answered by itself."""
        self.status = 0
        self.received = 0
        self.sent = 0
        self.target = ""
        self.answered = False
        """Whether the head of the final answer was sent."""
        self.over = False
        self.close = not (request.framing.keep_alive and request.is_1_1)
        """Whether the client's connection ends with this exchange."""
        self._upstream: UpstreamConnection | None = None
        self._held: list[bytes] | None = None
        """Pieces of the body that came before there was a connection to send them by."""
        self._body_complete = request.framing.body == 0
        self._chunked = False
        self._deciding: asyncio.Task[Decision] | None = None
        self._retries = 0

    # The decision.

    def begin(self) -> None:
        """Ask for the decision, at once if everything needed is in memory."""
        door = self.door
        if self.request.framing.body > door.body_bytes:
            self.refuse(_TOO_LARGE)
            return
        decide = door.pipeline.decide(self.request, door.wall(), self.started)
        try:
            awaited = decide.send(None)
        except StopIteration as done:
            self._decided(done.value)
        else:
            self._deciding = finish_later(decide, awaited)
            self._deciding.add_done_callback(self._decided_later)

    def _decided_later(self, deciding: asyncio.Task[Decision]) -> None:
        self._deciding = None
        if not self.over and not deciding.cancelled():
            try:
                self._decided(deciding.result())
                self.flush_body()
            except Exception as error:  # noqa: BLE001  # whatever it is, it ends with this connection
                self.client.broken(error)

    def _decided(self, decision: Decision) -> None:
        client = self.client
        self.decision = decision
        self.decided_at = mono = self.door.monotonic()
        if isinstance(decision, Allowed):
            if self.request.framing.expects_continue:
                client.write(CONTINUE)
            decision.route.upstream.serve(self, mono)
        else:
            self.refuse(decision.refusal, decision.fields)

    # Towards the upstream.

    @property
    def complete(self) -> bool:
        """Whether all of the request has come."""
        return self._body_complete

    def assigned(self, upstream: UpstreamConnection, mono: float) -> None:
        """Send the request, as it was decided on, by `upstream`."""
        decision, request = self.decision, self.request
        assert isinstance(decision, Allowed)  # noqa: S101  # only an allowed exchange ever asks for a connection
        grant = decision.grant
        self._upstream = upstream
        self.target = upstream.target.name
        head = request.head(grant.identity_fields, keeps_authorization=grant.keeps_authorization)
        if self._body_complete:
            upstream.deadline = mono + upstream.target.first_byte_timeout
            if self._held is None:
                upstream.write(head)
                return
        upstream.put(head)
        for piece in self._held or ():
            upstream.put(piece)
        self._held = None
        if self.received > _HELD:
            self.client.release_body()

    def request_body(self, data: bytes) -> None:
        """Take a piece of the request's body."""
        self.received += len(data)
        if self.over:
            if self.received > _DRAINED:
                self.client.close_gently()
            return
        if self.received > self.door.body_bytes:
            self.body_unreadable(_TOO_LARGE)
            return
        piece = b"%x\r\n%b\r\n" % (len(data), data) if self.request.framing.body == CHUNKED else data
        if self._upstream is not None:
            self._upstream.put(piece)
            return
        self._hold(piece)
        if self.received > _HELD:
            self.client.hold_body()

    def request_end(self) -> None:
        """Note the end of the request."""
        if self._body_complete:
            return
        self._body_complete = True
        if self.over:
            self.client.exchange_over(self, self.door.monotonic())
            return
        upstream = self._upstream
        if self.request.framing.body == CHUNKED:
            if upstream is not None:
                upstream.put(_LAST_CHUNK)
            else:
                self._hold(_LAST_CHUNK)
        if upstream is not None:
            upstream.request_complete(self.door.monotonic())

    def flush_body(self) -> None:
        """Send on what `request_body` took."""
        if self._upstream is not None:
            self._upstream.flush()

    # Towards the client.

    def response(self, head: ResponseHead, body: bytes, upstream: UpstreamConnection) -> None:
        """Send the whole of an answer that came in one piece, by a connection that may be used again."""
        self.sent = len(body)
        self._upstream = None  # a client that is full is no reason to hold a connection that others may use
        self.client.write(b"".join((*self._head_lines(head), body)))
        self._finish(upstream)

    def response_head(self, head: ResponseHead) -> None:
        """Send the head of the upstream's answer."""
        self.client.put(b"".join(self._head_lines(head)))

    def interim(self, head: ResponseHead) -> None:
        """Pass on an interim answer that tells the client something (RFC 9110 section 15.2).

        Not 100, which is between two neighbours: the gateway has said its own. Nor any to HTTP/1.0, which knows none.
        """
        if head.status > _CONTINUE and self.request.is_1_1:
            self.client.put(head.lines + b"\r\n")
            self.client.flush()

    def _head_lines(self, head: ResponseHead) -> tuple[bytes, ...]:
        """Note how the answer begins, and render its head."""
        decision = self.decision
        assert isinstance(decision, Allowed)  # noqa: S101  # only an allowed exchange is ever answered by an upstream
        self.status = head.status
        self.answered = True
        framing = b""
        if head.body < 0:  # of a length that only its end will tell
            if self.request.is_1_1:
                self._chunked = True
                framing = b"Transfer-Encoding: chunked\r\n"
            else:
                self.close = True
        if self.door.draining or not self._body_complete:
            self.close = True
        end = b"Connection: close\r\n\r\n" if self.close else b"\r\n"
        return (
            head.lines,
            framing,
            self.door.before_request_id,
            self.request.caller.request_id,
            b"\r\n",
            decision.fields,
            end,
        )

    def switched(self, head: ResponseHead, raw: bytes, rest: bytes, upstream: UpstreamConnection) -> bool:  # noqa: ARG002  # see `Upgrade`
        """Whether 101, whose head is `raw`, was asked for and is acted on."""
        return False

    def response_body(self, data: bytes) -> None:
        """Send a piece of the body."""
        self.sent += len(data)
        self.client.put(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def response_end(self, upstream: UpstreamConnection | None) -> None:
        """Send the end of the answer. `upstream` is the connection if it may be used again, else None."""
        self._upstream = None  # as above
        if self._chunked:
            self.client.put(_LAST_CHUNK)
        self.client.flush()
        self._finish(upstream)

    def _finish(self, upstream: UpstreamConnection | None) -> None:
        mono = self.door.monotonic()
        self._end(mono)
        if upstream is not None:
            if self._body_complete:
                upstream.target.pool.release(upstream, mono)
            else:
                upstream.abort()
        if self._body_complete or self.close:
            self.client.exchange_over(self, mono)

    def upstream_failed(self, refusal: Refusal, *, untouched: bool) -> None:
        """Answer for an upstream that did not.

        `untouched` says that a reused connection was closed before it answered anything: the usual race of an idle
        connection's end (RFC 9112 section 9.3.1). Only then, and only what may be repeated, is repeated, once.
        """
        lost, self._upstream = self._upstream, None
        if self.over:
            return
        if self.answered:  # too late for another answer: an unclean end is the only honest one
            self._end(self.door.monotonic())
            self.client.abort()
        elif untouched and lost is not None and self._retries < _RETRIES and self._repeatable():
            self._retries += 1
            lost.target.pool.serve_afresh(self, lost.target)
        else:
            self.refuse(refusal)

    def refuse(self, refusal: Refusal, fields: bytes = b"") -> None:
        """Answer with a refusal of the gateway's own."""
        request = self.request
        drainable = self._body_complete or (
            0 <= request.framing.body <= _DRAINED and not request.framing.expects_continue
        )
        self.close = self.close or self.door.draining or not drainable
        self.refusal = refusal
        self.status = refusal.reason.status
        self.answered = True
        answer = refusal_answer(
            refusal,
            request.caller.request_id,
            self.door.date() + self.door.own_fields + fields,
            head=request.method == "HEAD",
            close=self.close,
        )
        self.client.write(answer)
        self._end(self.door.monotonic())
        if self._body_complete or self.close:
            self.client.exchange_over(self, self.door.monotonic())

    def body_unreadable(self, refusal: Refusal) -> None:
        """Stop: the rest of the request cannot be read, so the upstream must not take what it has for all of it."""
        self.close = True
        self._abandon_upstream()
        if self.over:
            self.client.close_gently()
        elif self.answered:
            self._end(self.door.monotonic())
            self.client.abort()
        else:
            self.refuse(refusal)

    def hold_response(self) -> None:
        """Take nothing more of the answer: the client is full."""
        if self._upstream is not None:
            self._upstream.pause()

    def release_response(self) -> None:
        """Take the rest of the answer."""
        if self._upstream is not None:
            self._upstream.resume(self.door.monotonic())

    def client_gone(self) -> None:
        """Stop everything: nobody waits for the answer."""
        if not self.over:
            self._abandon_upstream()
            self._end(self.door.monotonic())

    def _hold(self, piece: bytes) -> None:
        if self._held is None:
            self._held = []
        self._held.append(piece)

    def _repeatable(self) -> bool:
        return self.request.method in _IDEMPOTENT and self.request.framing.body == 0

    def _abandon_upstream(self) -> None:
        if self._deciding is not None:
            self._deciding.cancel()
        if self._upstream is not None:
            self._upstream.abort()
            self._upstream = None

    def _end(self, mono: float) -> None:
        self.over = True
        self._upstream = None
        self._held = None
        self.door.ended(self, mono)
