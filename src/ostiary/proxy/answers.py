"""The gateway's own answers: RFC 9457 problem bodies, RFC 6750 challenges, and the fields that go with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.http.status import status_line

if TYPE_CHECKING:
    from ostiary.decision.outcome import Refusal

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
"""The interim answer to `Expect: 100-continue` (RFC 9110 section 10.1.1)."""

_REALM: Final = 'Bearer realm="ostiary"'


def refusal_answer(refusal: Refusal, request_id: bytes, fields: bytes, *, head: bool, close: bool) -> bytes:
    """Render the whole answer to a refused request.

    `fields` are further header lines. With `head` the body is left out, its length stays (RFC 9110 section 9.3.2).
    Every value comes from this program's own tables: nothing that the caller sent is repeated.
    """
    reason = refusal.reason
    body = msgspec.json.encode(
        {
            "type": f"urn:ostiary:error:{reason.code}",
            "title": reason.title,
            "status": reason.status,
            "detail": refusal.detail or reason.title,
            "error": reason.code,
            "message": refusal.detail or reason.title,
            "request_id": request_id.decode("ascii"),
        }
    )
    parts = [
        status_line(reason.status),
        b"Content-Type: application/problem+json\r\nCache-Control: no-store\r\nContent-Length: %d\r\n" % len(body),
        b"X-Request-Id: ",
        request_id,
        b"\r\n",
        fields,
    ]
    if reason.challenge is not None:
        parts.append(_challenge(reason.challenge, refusal))
    if refusal.retry_after:
        parts.append(b"Retry-After: %d\r\n" % refusal.retry_after)
    parts.append(b"Connection: close\r\n\r\n" if close else b"\r\n")
    if not head:
        parts.append(body)
    return b"".join(parts)


def _challenge(error: str, refusal: Refusal) -> bytes:
    """Render ``WWW-Authenticate`` (RFC 6750 section 3); a challenge without `error` says only what is needed."""
    challenge = _REALM
    if error:
        challenge += f', error="{error}", error_description="{refusal.detail or refusal.reason.title}"'
    if refusal.scope:
        challenge += f', scope="{refusal.scope}"'
    return f"WWW-Authenticate: {challenge}\r\n".encode("ascii")
