"""The messages that llhttp's own tests are made of, as raw bytes at the listener and from an upstream.

What llhttp's strict mode refuses is refused here, or for a stated reason harmless; the rest is forwarded, or refused
for a stated reason. And no byte of what is sent ever becomes a request that was not in it.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import pytest

from tests.support.http1 import request
from tests.support.wire import wire

if TYPE_CHECKING:
    from tests.support.recording import Conversation

_FILE: Final = Path(__file__).parents[3] / "shared" / "vectors" / "llhttp" / "cases.json"
pytestmark = pytest.mark.skipif(not _FILE.is_file(), reason="the shared vectors are not beside this checkout")

_START: Final = re.compile(
    rb"(?:\A|(?<=\n\r\n))((?:\r\n)*[^\r\n ]+ +(?:http://([^/?\r\n ]+))?[^\r\n]* HTTP/1\.[01]\r\n)"
)

_HARMLESS: Final = {
    "No restart when keep-alive is off (1.0)": "what follows the end of a connection is not read at all",
    "CRLF between requests, explicit `close`": "the same",
    "CRLF between requests, explicit `close` followed by tab": "the same",
    "Setting a flag and pausing": "Upgrade is not passed on; what follows is not read",
    "Upgrade GET request": "the same",
    "Multiple tokens with folding and LWS": "the same",
    "HTTP protocol and ANNOUNCE method": "any word in upper case is a method",
    "Invalid method": "any word in upper case is a method",
    "No extension after semicolon": "chunk extensions are dropped, so that an empty one reaches nobody",
}
"""Requests that llhttp refuses and the gateway takes."""

_REFUSED: Final = {
    "`Content-Length` with zeroes": "octal to some",
    "`Content-Length` with follow-up headers": "the same",
    "Content-Length reset when no body is received": "the body never comes",
    "M-SEARCH request": "* is no resource",
    "SOURCE request with ICE": "not HTTP",
    "OPTIONS request with RTSP": "not HTTP",
    "ANNOUNCE request with RTSP": "not HTTP",
    "Should parse multiple events": "a message without Host",
    "curl GET": "a Host that is no host, 0.0.0.0=5000",
    "Firefox GET": "the same",
    "No HTTP version": "HTTP/0.9 frames nothing",
    "POST with `chunked` as last transfer-encoding": "what is not decoded here must be encoded for nobody",
    "POST with `chunked` as last transfer-encoding (multiple headers)": "the same",
    "Quotes in URI": "no path has quotes",
    "Fragment in URI": "fragments stay with the caller",
    "`host:port` and basic auth": "user information in a target",
}
"""Requests that llhttp takes and the gateway refuses."""


_RESPONSES_HARMLESS: Final = {
    "HTTP/1.1 with keep-alive disabled and 204 status": "what follows the end of a connection is not read at all",
    "HTTP/1.1 with keep-alive disabled, content-length": "the same",
    "No extension after semicolon": "chunk extensions are dropped",
    "Unbalanced chunk extensions quoting": "the same: they end with their line, whatever is in it",
}
"""Responses that llhttp refuses and the gateway takes."""

_RESPONSES_REFUSED: Final = {
    "HTTP 100 first, then 400": "an empty line before the status line",
    "Response starting with CRLF": "the same",
    "RTSP response": "not HTTP",
    "ICE response": "not HTTP",
    "HTTP version 0.9": "HTTP/0.9 frames nothing",
    "Empty reason phrase after space": "a field line without a colon",
    "bonjourmadame.fr": "the same",
    "`chunked` before other transfer-encoding": "what is not decoded here must be encoded for nobody",
    "multiple transfer-encoding where chunked is not the last one": "the same",
    "`chunkedchunked` transfer-encoding does not enable chunked enconding": "the same",
}
"""Responses that llhttp takes and the gateway refuses."""


class Case(msgspec.Struct, frozen=True):
    """A vector: what is sent, and what llhttp's strict mode makes of it."""

    file: str
    name: str
    lenient: bool
    b64: str
    meta: dict[str, object]
    strict_error_code: int | None
    message_complete: int | None

    @property
    def raw(self) -> bytes:
        return base64.b64decode(self.b64)


class _File(msgspec.Struct):
    cases: list[Case]


def cases(kind: str) -> list[Case]:
    """Return the vectors for strict parsers of requests or of responses."""
    every = msgspec.json.decode(_FILE.read_bytes(), type=_File).cases
    return [case for case in every if not case.lenient and case.meta.get("type") == kind]


def numbered(raw: bytes, number: int) -> bytes:
    """Give each message in `raw` a number, and the Host that most of them lack."""
    has_host = re.search(rb"^host:", raw, re.IGNORECASE | re.MULTILINE)

    def fields(start: re.Match[bytes]) -> bytes:
        host = b"" if has_host else b"Host: %b\r\n" % (start[2] or b"h")
        return b"%b%bX-Case: %d\r\n" % (start[1], host, number)

    return _START.sub(fields, raw)


async def test_requests(tmp_path: Path) -> None:
    vectors = cases("request")
    async with wire(tmp_path) as gate:
        statuses = [(await gate.play(numbered(case.raw, number))).statuses for number, case in enumerate(vectors)]
        arrived = [received.values("X-Case") for received in gate.upstream.requests]
        hosts = [received.values("Host") for received in gate.upstream.requests]
    assert all(len(each) == 1 for each in arrived), "every request upstream is one that was sent"
    assert all(len(each) == 1 for each in hosts)
    wrong = []
    for number, (case, seen) in enumerate(zip(vectors, statuses, strict=True)):
        forwarded, complete = arrived.count([str(number)]), case.message_complete or 0
        if case.name in _REFUSED:
            fine = forwarded < complete and 400 <= seen[-1] < 500
        elif case.name in _HARMLESS:
            fine = forwarded == 1 and set(seen) == {200}
        elif case.strict_error_code is None:
            fine = forwarded == complete
        else:
            fine = forwarded <= complete and 400 <= seen[-1] < 500
        if not fine:
            wrong.append((case.file, case.name, forwarded, seen))
    assert not wrong


async def test_requests_without_host(tmp_path: Path) -> None:
    """As they stand, most have no Host, and are refused for it before anything else of them counts."""
    vectors = [case for case in cases("request") if not re.search(rb"^host:", case.raw, re.IGNORECASE | re.MULTILINE)]
    async with wire(tmp_path) as gate:
        statuses = [(await gate.play(case.raw)).statuses for case in vectors]
        assert gate.upstream.requests == []
    assert all(seen and set(seen) <= {400, 408} for seen in statuses)


async def test_responses(tmp_path: Path) -> None:
    """A response that cannot be read is 502, or what has been passed on of it ends unclean."""
    vectors = cases("response")

    async def play(conversation: Conversation) -> None:
        await conversation.send(vectors[int(conversation.request.target[1:])].raw)

    async with wire(tmp_path) as gate:
        gate.upstream.default = play
        last = {"Connection": "close"}
        statuses = [(await gate.play(request("GET", f"/{n}", headers=last))).statuses for n in range(len(vectors))]
    wrong = []
    for case, seen in zip(vectors, statuses, strict=True):
        refused = case.name in _RESPONSES_REFUSED or (
            case.strict_error_code is not None and case.name not in _RESPONSES_HARMLESS
        )
        unread = seen in ([], [502], [504])
        if unread is not refused:
            wrong.append((case.file, case.name, seen))
    assert not wrong
