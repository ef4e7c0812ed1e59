"""The response head: one reading, whoever reads it, and lines for the client that say the same."""

from __future__ import annotations

from typing import Final

import h11
import msgspec

from ostiary.config.model import IdentityHeaders
from ostiary.http.framing import CHUNKED, UNTIL_CLOSE, BadFraming
from ostiary.http.headers import HeaderPolicy, Kind
from ostiary.http.reader import ResponseReader
from ostiary.http.response import ResponseHead, read_response

_POLICY: Final = HeaderPolicy(IdentityHeaders())
_DATE: Final = b"Date: Mon, 23 Nov 2026 02:04:31 GMT\r\n"
_FINAL: Final = 200
_METHODS: Final = ("GET", "HEAD", "POST")
_ALLOWED: Final = {Kind.PASS, Kind.CONTENT_LENGTH}

Read = tuple[ResponseHead | BadFraming, bytes] | None


def check(data: bytes) -> None:
    """Read `data` as the answer to each kind of request."""
    for method in _METHODS:
        plain = read_response(data, method, _POLICY)
        for warm in (*_METHODS, method):
            reader = ResponseReader(_POLICY, lambda: _DATE)
            reader.read(data, warm, 65536)
            assert reader.read(data, method, 65536) == _dated(plain)
        if plain is not None and isinstance(plain[0], ResponseHead):
            _says_the_same_to_the_client(plain[0], method)
            _second_opinion(data, method, plain[0], plain[1])


def _dated(plain: Read) -> Read:
    """What becomes of an answer that says no date."""
    if plain is None or isinstance(head := plain[0], BadFraming):
        return plain
    if head.status < _FINAL or b"\ndate:" in head.lines.lower():
        return plain
    return msgspec.structs.replace(head, lines=head.lines + _DATE), plain[1]


def _says_the_same_to_the_client(head: ResponseHead, method: str) -> None:
    again = read_response(head.lines + b"\r\n", method, _POLICY)
    assert again is not None
    second = again[0]
    assert isinstance(second, ResponseHead), second
    assert again[1] == b""
    assert (second.status, second.lines) == (head.status, head.lines)
    assert second.body == (head.body if head.body != CHUNKED else UNTIL_CLOSE)
    names = [line.partition(b":")[0] for line in head.lines.split(b"\r\n")[1:-1]]
    assert all(_POLICY.kind(name) in _ALLOWED for name in names)


def _second_opinion(data: bytes, method: str, head: ResponseHead, rest: bytes) -> None:
    """Compare with h11, unless it refuses: a 101 that it did not ask for, values that it has a narrower view of."""
    theirs = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    theirs.send(h11.Request(method=method, target="/", headers=[("Host", "h")]))
    theirs.receive_data(data)
    try:
        event = theirs.next_event()
    except h11.RemoteProtocolError:
        return
    assert isinstance(event, (h11.Response, h11.InformationalResponse)), event
    assert event.status_code == head.status
    assert theirs.trailing_data[0] == rest
    if isinstance(event, h11.InformationalResponse) or head.status in {204, 304} or method == "HEAD":
        assert head.body == 0
        return
    told = dict(event.headers)
    if b"transfer-encoding" in told:
        assert head.body == CHUNKED
    else:
        assert head.body == int(told.get(b"content-length", UNTIL_CLOSE))
