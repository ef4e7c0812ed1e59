"""Every metric that Ostiary exports, on one page: name, labels, how several workers add up, help.

Names and labels are an interface: dashboards and alerts read them. Label values come from the configuration and from
closed sets in the code, never from a request (law 5).
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple


class Kind(Enum):
    """What a metric is, and how the values of several workers become one."""

    COUNTER = "counter"
    """Summed; what a dead worker counted stays."""
    HISTOGRAM = "histogram"
    """Summed bucket by bucket; what a dead worker counted stays."""
    SUM = "gauge, summed"
    MAX = "gauge, largest"
    MIN = "gauge, smallest"


class Family(NamedTuple):
    """One metric with its labels; `bounds` are a histogram's buckets, in seconds."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    bounds: tuple[float, ...] = ()


_DECISION: Final = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.5, 1.0, 5.0)
_REQUEST: Final = (5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

# fmt: off
REQUESTS: Final = Family(
    "ostiary_requests_total", Kind.COUNTER, ("route", "outcome", "code"),
    "Requests ended. allowed: the answer of the upstream was passed on; refused: the gateway said 4xx; error: it said "
    "5xx. code is the class of the status, 0xx if the client left, or was cut off, before there was one.",
)
REFUSALS: Final = Family(
    "ostiary_refusals_total", Kind.COUNTER, ("route", "reason"),
    "Requests that the gateway answered itself, by the stable code of the reason.",
)
LIMITER: Final = Family(
    "ostiary_limiter_total", Kind.COUNTER, ("limit", "tier", "result"),
    "Answers of the rate limiter: allowed, limited, or, with the store away, failed_open or failed_closed.",
)
TOKEN_CACHE: Final = Family(
    "ostiary_token_cache_total", Kind.COUNTER, ("result",), "Lookups of verified tokens: hit or miss."
)
DECISION_SECONDS: Final = Family(
    "ostiary_decision_seconds", Kind.HISTOGRAM, (), "Time from a request's last header to its decision.", _DECISION
)
REQUEST_SECONDS: Final = Family(
    "ostiary_request_seconds", Kind.HISTOGRAM, (), "Time from a request's last header to its answer's end.", _REQUEST
)
CLIENT_CONNECTIONS: Final = Family("ostiary_client_connections", Kind.SUM, (), "Open client connections.")
CLIENT_CONNECTIONS_OPENED: Final = Family(
    "ostiary_client_connections_opened_total", Kind.COUNTER, (), "Client connections accepted."
)
CLIENT_CONNECTIONS_REFUSED: Final = Family(
    "ostiary_client_connections_refused_total", Kind.COUNTER, ("kind",),
    "Client connections closed at once: over the bound of the worker or of their address, "
    "or from where only TLS may be.",
)
CLIENT_CUT: Final = Family(
    "ostiary_client_requests_cut_total", Kind.COUNTER, ("kind",),
    "Requests ended for a bound that no reason of a refusal names: total (they took longer), body_rate, answer_rate "
    "(the body came, or the answer was taken, too slowly), pipelined (too many were sent ahead), chunk_line, trailer, "
    "chunk_overhead (more around a body's content than it is worth).",
)
CLIENT_IDLE: Final = Family(
    "ostiary_client_connections_idle_closed_total", Kind.COUNTER, (),
    "Client connections closed because no request came for so long.",
)
WEBSOCKETS: Final = Family("ostiary_websockets", Kind.SUM, (), "Open WebSockets.")
WEBSOCKETS_OPENED: Final = Family(
    "ostiary_websockets_opened_total", Kind.COUNTER, (), "WebSockets opened: the upstream has agreed to the switch."
)
WEBSOCKETS_CLOSED: Final = Family(
    "ostiary_websockets_closed_total", Kind.COUNTER, ("reason",),
    "WebSockets that are over: client or upstream closed its connection first, the token has expired, it was idle, its "
    "lifetime was over, the gateway drains, or an end was stalled: it took too little.",
)
PROXY_HEADERS: Final = Family(
    "ostiary_proxy_headers_total", Kind.COUNTER, ("result",),
    "Connections of peers that speak the PROXY protocol: told (a client's address), own (the peer spoke for itself), "
    "malformed, timeout, abandoned (the peer left before the header's end), or refused (too many were waiting).",
)
TLS_HANDSHAKES: Final = Family(
    "ostiary_tls_handshakes_total", Kind.COUNTER, ("result",),
    "TLS handshakes of the listener: full, resumed, failed, abandoned (the client left or took too long), or refused "
    "(too many were under way).",
)
TLS_EXPIRY: Final = Family(
    "ostiary_tls_certificate_expiry_seconds", Kind.MIN, ("certificate",),
    "When a certificate that the listener presents ends, in Unix seconds, by its place in the configuration, from 0.",
)
UPSTREAM_CONNECTIONS: Final = Family(
    "ostiary_upstream_connections", Kind.SUM, ("upstream",), "Open connections to an upstream's targets."
)
UPSTREAM_OPENED: Final = Family(
    "ostiary_upstream_connections_opened_total", Kind.COUNTER, ("upstream",), "Connections opened to an upstream."
)
UPSTREAM_FAILURES: Final = Family(
    "ostiary_upstream_failures_total", Kind.COUNTER, ("upstream", "kind"),
    "Requests that an upstream failed: connect, timeout, protocol (an answer that is not HTTP), reset, "
    "incomplete (it hung up on a client that had not sent all of its request, which is not held against it), queue (no "
    "connection was free), circuit (it is open), or down (every target fails its checks).",
)
UPSTREAM_RESPONSES: Final = Family(
    "ostiary_upstream_responses_total", Kind.COUNTER, ("upstream", "code"), "Answers of an upstream by status class."
)
UPSTREAM_WAITING: Final = Family(
    "ostiary_upstream_waiting", Kind.SUM, ("upstream",), "Requests that wait for a connection to be free."
)
UPSTREAM_HELD_UP: Final = Family(
    "ostiary_upstream_held_up", Kind.SUM, ("upstream",),
    "Connections held up by their clients, who do not take the answer, or do not send the request on.",
)
UPSTREAM_CUT: Final = Family(
    "ostiary_upstream_answers_cut_total", Kind.COUNTER, ("upstream",),
    "Answers cut because their clients held them up while requests waited for a connection.",
)
UPSTREAM_UPLOADS_CUT: Final = Family(
    "ostiary_upstream_uploads_cut_total", Kind.COUNTER, ("upstream",),
    "Requests cut because their clients did not send them on while others waited for a connection.",
)
UPSTREAM_RETRIES: Final = Family(
    "ostiary_upstream_retries_total", Kind.COUNTER, ("upstream", "result"),
    "Requests that could safely be sent again: repeated, or over_budget.",
)
UPSTREAM_TARGET_UP: Final = Family(
    "ostiary_upstream_target_up", Kind.MIN, ("upstream", "target"),
    "1 while every worker uses the target, 0 while it rests or fails its checks in some.",
)
UPSTREAM_CHECKS: Final = Family(
    "ostiary_upstream_checks_total", Kind.COUNTER, ("upstream", "target", "result"),
    "Health checks of a target: passed or failed.",
)
UPSTREAM_CIRCUIT: Final = Family(
    "ostiary_upstream_circuit_open", Kind.MAX, ("upstream",),
    "1 while an upstream's circuit is open in some worker, 0.5 while it lets probes through, else 0.",
)
UPSTREAM_CIRCUIT_OPENED: Final = Family(
    "ostiary_upstream_circuit_opened_total", Kind.COUNTER, ("upstream",), "How often an upstream's circuit opened."
)
ISSUER_KEYS: Final = Family(
    "ostiary_issuer_keys", Kind.MIN, ("issuer",), "Usable keys of an issuer, in the worker that has the fewest."
)
ISSUER_KEY_AGE: Final = Family(
    "ostiary_issuer_key_age_seconds", Kind.MAX, ("issuer",), "Age of an issuer's key set, where it is oldest."
)
ISSUER_STALE: Final = Family(
    "ostiary_issuer_keys_stale", Kind.MAX, ("issuer",), "1 while an issuer's keys serve past their TTL in some worker."
)
ISSUER_FAILURES: Final = Family(
    "ostiary_issuer_refresh_failures", Kind.MAX, ("issuer",), "Key refreshes that failed since the last good one."
)
STORE_HEALTHY: Final = Family(
    "ostiary_store_healthy", Kind.MIN, (), "1 while every worker reaches the store of shared limits."
)
LOG_DROPPED: Final = Family(
    "ostiary_log_lines_dropped_total", Kind.COUNTER, ("log",),
    "Log lines lost because their sink was full, failing or slow: access, security or diagnostics.",
)
SECURITY_EVENTS: Final = Family(
    "ostiary_security_events_total", Kind.COUNTER, ("event",), "Security events, the suppressed ones included."
)
BUGS: Final = Family(
    "ostiary_bugs_total", Kind.COUNTER, ("where",),
    "Unknown exceptions; each refused its request or closed its connection. Anything but 0 deserves a report.",
)
LOOP_LAG: Final = Family(
    "ostiary_event_loop_lag_seconds", Kind.MAX, (), "How late the slowest worker's event loop last ran a timer."
)
LOOP_LAG_MAX: Final = Family(
    "ostiary_event_loop_lag_max_seconds", Kind.MAX, (), "The most that a live worker's event loop has ever been late."
)
WORKERS: Final = Family("ostiary_workers", Kind.SUM, ("state",), "Worker processes: configured, or ready.")
WORKER_RESTARTS: Final = Family(
    "ostiary_worker_restarts_total", Kind.COUNTER, (), "Workers started again after one had died."
)
WORKER_UNRESPONSIVE: Final = Family(
    "ostiary_workers_unresponsive", Kind.SUM, (), "Workers whose event loop has not reported for some seconds."
)
BUILD: Final = Family("ostiary_build_info", Kind.MAX, ("version",), "Always 1; the version is the label.")
# fmt: on

ALL: Final = tuple(value for value in list(globals().values()) if isinstance(value, Family))
"""Every metric, in the order of this page."""
