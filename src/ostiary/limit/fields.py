"""The `RateLimit` and `RateLimit-Policy` fields (draft-ietf-httpapi-ratelimit-headers-11), rendered to bytes.

A token bucket is told as the policy "`q` requests every `w` seconds": its burst, and the time in which it refills,
rounded up, so that a client which keeps to it is never refused. `r` is what is left and `t` the time in which `r`
tokens are earned, so that r/t never promises more than q/w does (section 8.5); with nothing left, `t` is how long
until there is something, and `Retry-After` is never earlier (section 6).
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ostiary.stores.protocol import Taken

_LARGEST: Final = 10**15 - 1
"""The largest Integer of a structured field (RFC 9651 section 3.3.1)."""


def sf_string(text: str) -> str:
    """A structured-field String (RFC 9651 section 3.3.3). Raises `ValueError` unless it is printable ASCII."""
    if not (text.isascii() and text.isprintable()):
        raise ValueError("a limit's name must be printable ASCII")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class LimitFields:
    """Renders both fields for one bucket. `name` is the policy's, shown to callers. Raises as `sf_string` does."""

    def __init__(self, name: str, rate: float, burst: int) -> None:
        policy = sf_string(name)
        window = min(max(ceil(burst / rate), 1), _LARGEST)
        fields = f"RateLimit-Policy: {policy};q={burst};w={window}\r\nRateLimit: {policy};r="
        self._template: Final = fields.encode().replace(b"%", b"%%") + b"%d;t=%d\r\n"
        self._rate: Final = rate
        self._refill_but_one: Final = (burst - 1) / rate

    def render(self, taken: Taken) -> bytes:
        """The two header lines, each ended by CRLF."""
        remaining = taken.remaining
        seconds = remaining / self._rate if remaining else taken.reset - self._refill_but_one
        return self._template % (remaining, min(ceil(seconds), _LARGEST) if seconds > 1.0 else 1)
