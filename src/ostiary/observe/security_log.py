"""One JSON line for each event that a security team wants to see, apart from the traffic's log.

Names of events are an interface: rules match them. One is never renamed, only added. Whoever can cause an event can
cause a million of them, so each name is written at most `PER_SECOND` times a second; what was held back is counted, and
told by the next line of that name or within about a second.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ostiary.observe import families
from ostiary.observe.line import line

if TYPE_CHECKING:
    from ostiary.observe.instruments import Counter
    from ostiary.observe.metrics import Metrics
    from ostiary.observe.writer import LineWriter

PER_SECOND: Final = 10
"""Lines of one event's name that a worker writes in a second."""

Severity = Literal["info", "warning", "high", "critical"]


class Event(msgspec.Struct, frozen=True):
    """A kind of event: its stable name and how grave it is."""

    name: str
    severity: Severity


TOKEN_INVALID: Final = Event("token_invalid", "warning")
"""A token that is malformed, forged, of another issuer or audience, or of a refused algorithm."""
TOKEN_UNKNOWN_KEY: Final = Event("token_unknown_key", "warning")
"""A token that names a key which its issuer does not publish."""
CREDENTIALS_AMBIGUOUS: Final = Event("credentials_ambiguous", "warning")
ACCESS_DENIED: Final = Event("access_denied", "info")
"""A proved identity asked for what it may not have."""
REQUEST_MALFORMED: Final = Event("request_malformed", "warning")
"""A request that two parsers might read two ways: smuggling begins so."""
PROXY_HEADER_REFUSED: Final = Event("proxy_header_refused", "warning")
"""A connection of a peer that speaks the PROXY protocol did not begin with a valid header."""
ORIGIN_FOREIGN: Final = Event("origin_foreign", "warning")
"""A page of an origin that is not on the route's list asked for a WebSocket."""
RATE_LIMITED: Final = Event("rate_limited", "info")
KEYS_REFRESH_FAILED: Final = Event("keys_refresh_failed", "warning")
KEYS_STALE: Final = Event("keys_stale", "high")
"""An issuer's keys serve past their TTL, because its provider fails."""
KEYS_UNAVAILABLE: Final = Event("keys_unavailable", "critical")
"""An issuer has no usable keys: its tokens are refused with 503."""
KEYS_RECOVERED: Final = Event("keys_recovered", "info")
KEYS_CHANGED: Final = Event("keys_changed", "info")
"""An issuer published other keys than before."""
KEY_REJECTED: Final = Event("key_rejected", "warning")
"""A published key that is malformed, too weak or of a refused kind was left out."""
PRIVATE_KEY_PUBLISHED: Final = Event("private_key_published", "critical")
"""An issuer's key set contains a private key: whoever read it can sign."""
STORE_UNAVAILABLE: Final = Event("store_unavailable", "high")
"""The store of shared limits is away; limits fail as configured."""
STORE_RECOVERED: Final = Event("store_recovered", "info")
CLIENT_CERTIFICATE_REFUSED: Final = Event("client_certificate_refused", "warning")
"""A client's certificate could not be verified in the TLS handshake, or was missing where one is required."""
REQUEST_MISDIRECTED: Final = Event("request_misdirected", "warning")
"""A request for another host than its TLS connection was made for."""
CERTIFICATES_CHANGED: Final = Event("certificates_changed", "info")
"""Changed certificate files were taken into use."""
CERTIFICATES_UNUSABLE: Final = Event("certificates_unusable", "high")
"""Changed certificate files cannot be used; what was loaded before stays in use."""
INTERNAL_ERROR: Final = Event("internal_error", "high")
"""An unknown exception refused a request."""

ALL: Final = tuple(value for value in list(globals().values()) if isinstance(value, Event))
"""Every event, for tables and tests."""

OF_REASON: Final = {
    "bad_request": REQUEST_MALFORMED,
    "ambiguous_credentials": CREDENTIALS_AMBIGUOUS,
    "invalid_token": TOKEN_INVALID,
    "invalid_claims": TOKEN_INVALID,
    "unknown_signing_key": TOKEN_UNKNOWN_KEY,
    "insufficient_scope": ACCESS_DENIED,
    "access_denied": ACCESS_DENIED,
    "origin_mismatch": ORIGIN_FOREIGN,
    "rate_limited": RATE_LIMITED,
    "misdirected_request": REQUEST_MISDIRECTED,
    "internal_error": INTERNAL_ERROR,
}
"""The event that a refusal is, by the code of its reason. A missing or expired token is an ordinary day."""


OF_KEY_EVENT: Final = {
    "refresh_failed": KEYS_REFRESH_FAILED,
    "stale": KEYS_STALE,
    "unavailable": KEYS_UNAVAILABLE,
    "refresh_recovered": KEYS_RECOVERED,
    "keys_changed": KEYS_CHANGED,
    "keys_ignored": KEY_REJECTED,
    "private_key": PRIVATE_KEY_PUBLISHED,
}
"""The event that a change of an issuer's keys is, by its kind."""


class SecurityRecord(msgspec.Struct, omit_defaults=True):
    """What is told of one event. Members at their default are left out of the line.

    `detail` is the gateway's own sentence, never the caller's. `suppressed` counts the events of this name that were
    held back since its last line.
    """

    time: datetime
    event: str
    severity: str
    request_id: str = ""
    client: str = ""
    route: str = ""
    reason: str = ""
    issuer: str = ""
    subject: str = ""
    detail: str = ""
    suppressed: int = 0


class _Flow:
    """How often one event was written in the second that began at `since`, and how many were held back."""

    __slots__ = ("counter", "since", "suppressed", "written")

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.since = float("-inf")
        self.written = 0
        self.suppressed = 0


class SecurityLog:
    """The log of security events of one worker."""

    def __init__(self, writer: LineWriter, metrics: Metrics) -> None:
        self._writer = writer
        self._flows = {event: _Flow(metrics.counter(families.SECURITY_EVENTS, event.name)) for event in ALL}

    def write(  # noqa: PLR0913  # the fields of a line
        self,
        event: Event,
        wall: float,
        mono: float,
        *,
        request_id: str = "",
        client: str = "",
        route: str = "",
        reason: str = "",
        issuer: str = "",
        subject: str = "",
        detail: str = "",
    ) -> None:
        """Write one event that happened at `wall` (Unix seconds), or count it if there were too many just now.

        Never blocks, never raises.
        """
        flow = self._flows[event]
        flow.counter.value += 1
        if mono - flow.since >= 1.0:
            flow.since, flow.written = mono, 0
        elif flow.written >= PER_SECOND:
            flow.suppressed += 1
            return
        flow.written += 1
        suppressed, flow.suppressed = flow.suppressed, 0
        record = SecurityRecord(
            datetime.fromtimestamp(wall, UTC), event.name, event.severity,
            request_id, client, route, reason, issuer, subject, detail, suppressed,
        )  # fmt: skip
        self._writer.write(line(record))

    def tell_suppressed(self, wall: float, mono: float) -> None:
        """Write a line for each event that was held back and whose second is over. To be called about once a second."""
        for event, flow in self._flows.items():
            if flow.suppressed and mono - flow.since >= 1.0:
                suppressed, flow.suppressed = flow.suppressed, 0
                time = datetime.fromtimestamp(wall, UTC)
                self._writer.write(line(SecurityRecord(time, event.name, event.severity, suppressed=suppressed)))
