"""The request head: one reading, whoever reads it, and the same again after it was passed on."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Final

import h11
import msgspec

from ostiary.config.model import Bounds, IdentityHeaders
from ostiary.decision.outcome import Refusal
from ostiary.http.forwarded import Trusted
from ostiary.http.framing import CHUNKED
from ostiary.http.headers import HeaderPolicy
from ostiary.http.peer import Peer
from ostiary.http.reader import RequestReader
from ostiary.http.request import Request, read_request

_POLICY: Final = HeaderPolicy(IdentityHeaders())
_BOUNDS: Final = Bounds()
_WIDE: Final = Bounds.model_construct(**Bounds().model_dump() | {"header_count": 10_000, "target_bytes": 1 << 20})
_TRUSTED: Final = Trusted([ip_network("192.0.2.0/24")])
_PEERS: Final = (
    Peer("198.51.100.1", b"http", Trusted(()), "x-forwarded"),
    Peer("192.0.2.1", b"https", _TRUSTED, "x-forwarded"),
    Peer("192.0.2.1", b"http", _TRUSTED, "both"),
)

Read = tuple[Request | Refusal, bytes] | None


def check(data: bytes) -> None:
    """Read `data` in every way there is."""
    for peer in _PEERS:
        _reader_agrees(data, peer)
    plain = read_request(data, _PEERS[0], _POLICY, _BOUNDS)
    if plain is not None and isinstance(plain[0], Request):
        _reads_the_same_again(plain[0])
        _second_opinion(data, plain[0], plain[1])


def _reader_agrees(data: bytes, peer: Peer) -> None:
    """Fresh, after the very head, after one that differs in its line, and after those with and without a token."""
    plain = _comparable(read_request(data, peer, _POLICY, _BOUNDS))
    line, _, rest = data.partition(b"\r\n")
    token = b"Authorization: Bearer a.b.c\r\n"
    cousins = (data, b"GET /warm HTTP/1.1\r\n" + rest, b"GET / HTTP/1.1\r\n" + token + rest, line + b"\r\n" + token)
    for cousin in cousins:
        reader = RequestReader(_POLICY, _BOUNDS)
        assert _comparable(reader.read(cousin, peer)) == _comparable(read_request(cousin, peer, _POLICY, _BOUNDS))
        for _ in range(2):
            assert _comparable(reader.read(data, peer)) == plain


def _comparable(read: Read) -> object:
    """Return what was read, without the identifier that each reading invents."""
    if read is None or not isinstance(read[0], Request):
        return read
    request, rest = read[0], read[1]
    caller = request.caller
    fields = caller.fields.replace(caller.request_id, b"id")
    return msgspec.structs.replace(request, caller=msgspec.structs.replace(caller, request_id=b"", fields=fields)), rest


def _reads_the_same_again(request: Request) -> None:
    rendered = request.head(b"", keeps_authorization=True)
    again = read_request(rendered, _PEERS[0], _POLICY, _WIDE)
    assert again is not None
    assert again[1] == b""
    second = again[0]
    if request.handshake is not None:
        return  # its tokens stand for Authorization, and the tunnel renders the rest
    assert isinstance(second, Request), second
    for name in ("method", "host", "path", "target", "passed", "authorization"):
        assert getattr(second, name) == getattr(request, name), name
    assert second.framing.body == request.framing.body
    assert second.framing.host == request.framing.host
    assert second.framing.keep_alive
    assert not second.framing.upgrade


def _second_opinion(data: bytes, request: Request, rest: bytes) -> None:
    """Compare with h11, unless it refuses: empty lines before, targets and values that it has a narrower view of."""
    theirs = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    theirs.receive_data(data)
    try:
        event = theirs.next_event()
    except h11.RemoteProtocolError:
        return
    assert isinstance(event, h11.Request), event
    assert event.method == request.method.encode()
    assert theirs.trailing_data[0] == rest
    told = dict(event.headers)
    body = CHUNKED if b"transfer-encoding" in told else int(told.get(b"content-length", b"0"))
    assert body == request.framing.body
