"""Whether a WebSocket may be asked for: its handshake is well-formed, and comes from a page that may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import BAD_REQUEST, ORIGIN_MISMATCH
from ostiary.http.websocket import BadHandshake

if TYPE_CHECKING:
    from ostiary.http.websocket import Handshake

_FOREIGN: Final = Refusal(ORIGIN_MISMATCH)


def judge_handshake(
    handshake: Handshake | BadHandshake, origins: frozenset[bytes] | None, *, by_cookie: bool = False
) -> Refusal | None:
    """Say why `handshake` goes no further, or None.

    `origins` are those of the pages that may ask (RFC 6454 section 6.1, RFC 6455 section 10.2); None: any. A caller
    without an Origin is no browser: no page can have sent it. But with a token that comes `by_cookie` there has to be
    one: such a token is sent for pages that do not know it.
    """
    if isinstance(handshake, BadHandshake):
        return Refusal(BAD_REQUEST, f"Malformed WebSocket handshake: {handshake.reason}.")
    told = handshake.origins
    if not told and not by_cookie:
        return None
    if origins is None:
        return _FOREIGN if by_cookie else None
    return None if len(told) == 1 and told[0] in origins else _FOREIGN
