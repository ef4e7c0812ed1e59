"""The gateway's own answers are well-formed, whatever the reason, and repeat nothing."""

from __future__ import annotations

import h11
import msgspec
import pytest

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import ALL, INSUFFICIENT_SCOPE, INVALID_TOKEN, MISSING_TOKEN, RATE_LIMITED, Reason
from ostiary.proxy.answers import CONTINUE, refusal_answer


def read(raw: bytes, *, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """Read one answer to `method`, by another implementation; nothing may follow it."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "h")]))
    client.send(h11.EndOfMessage())
    client.receive_data(raw)
    head = client.next_event()
    assert isinstance(head, h11.Response)
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += bytes(event.data)
    assert isinstance(event, h11.EndOfMessage)
    assert client.trailing_data[0] == b""
    names = [name for name, _ in head.headers]
    assert len(names) == len(set(names))
    return head.status_code, {str(n, "ascii"): str(v, "ascii") for n, v in head.headers}, body


@pytest.mark.parametrize("reason", ALL, ids=lambda reason: reason.code)
def test_every_reason(reason: Reason) -> None:
    status, fields, body = read(refusal_answer(Refusal(reason), b"an-id", b"X-Other: y\r\n", head=False, close=False))
    problem = msgspec.json.decode(body)
    assert (status, problem["status"]) == (reason.status, reason.status)
    assert problem["error"] == reason.code
    assert problem["type"].endswith(reason.code)
    assert problem["request_id"] == fields["x-request-id"] == "an-id"
    assert (fields["content-type"], fields["cache-control"]) == ("application/problem+json", "no-store")
    assert fields["x-other"] == "y"
    assert ("www-authenticate" in fields) is (reason.challenge is not None)
    assert reason.status != 401 or "www-authenticate" in fields


def test_to_head_goes_the_same_without_the_body() -> None:
    refusal = Refusal(MISSING_TOKEN)
    _, fields, body = read(refusal_answer(refusal, b"i", b"", head=True, close=True), method="HEAD")
    whole = read(refusal_answer(refusal, b"i", b"", head=False, close=True))
    assert (fields, body) == (whole[1], b"")
    assert fields["connection"] == "close"


def test_challenges() -> None:
    def challenge(refusal: Refusal) -> str:
        return read(refusal_answer(refusal, b"i", b"", head=False, close=False))[1]["www-authenticate"]

    assert challenge(Refusal(MISSING_TOKEN)) == 'Bearer realm="ostiary"'
    assert 'error="invalid_token", error_description="Because."' in challenge(Refusal(INVALID_TOKEN, "Because."))
    scoped = challenge(Refusal(INSUFFICIENT_SCOPE, scope="a b"))
    assert 'error="insufficient_scope"' in scoped
    assert 'scope="a b"' in scoped


def test_retry_after() -> None:
    answer = refusal_answer(Refusal(RATE_LIMITED, retry_after=7), b"i", b"", head=False, close=False)
    assert read(answer)[1]["retry-after"] == "7"


def test_continue_is_an_interim_answer() -> None:
    assert CONTINUE == b"HTTP/1.1 100 Continue\r\n\r\n"
