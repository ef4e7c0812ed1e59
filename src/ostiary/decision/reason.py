"""Every reason for refusing a request: stable code, status, title.

The codes are an interface: clients branch on them, dashboards count them. One is never renamed, only added.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Reason(msgspec.Struct, frozen=True):
    """A stable code with what the caller is told.

    `challenge` is RFC 6750's error code where the answer carries a Bearer challenge, or "" for a challenge
    without one (no credential was shown), or None for no challenge.
    """

    code: str
    status: int
    title: str
    challenge: str | None = None


BAD_REQUEST: Final = Reason("bad_request", 400, "The request cannot be read one way only.")
AMBIGUOUS_CREDENTIALS: Final = Reason(
    "ambiguous_credentials", 400, "More than one credential was sent.", "invalid_request"
)
MISSING_TOKEN: Final = Reason("missing_token", 401, "A bearer token is needed.", "")
INVALID_TOKEN: Final = Reason("invalid_token", 401, "The token is not valid.", "invalid_token")
TOKEN_EXPIRED: Final = Reason("token_expired", 401, "The token has expired.", "invalid_token")
TOKEN_NOT_ACTIVE: Final = Reason("token_not_active", 401, "The token is not valid yet.", "invalid_token")
UNKNOWN_SIGNING_KEY: Final = Reason(
    "unknown_signing_key", 401, "The token's signing key is not known.", "invalid_token"
)
INVALID_CLAIMS: Final = Reason("invalid_claims", 401, "The token's claims are not acceptable here.", "invalid_token")
INSUFFICIENT_SCOPE: Final = Reason("insufficient_scope", 403, "The token lacks a needed scope.", "insufficient_scope")
ACCESS_DENIED: Final = Reason("access_denied", 403, "The caller may not do this.")
NO_ROUTE: Final = Reason("no_route", 404, "Nothing is served here.")
REQUEST_TIMEOUT: Final = Reason("request_timeout", 408, "The request took too long to arrive.")
BODY_TOO_LARGE: Final = Reason("body_too_large", 413, "The body is too large.")
TARGET_TOO_LONG: Final = Reason("target_too_long", 414, "The request target is too long.")
HEADERS_TOO_LARGE: Final = Reason("headers_too_large", 431, "The header block is too large.")
MISDIRECTED_REQUEST: Final = Reason("misdirected_request", 421, "This connection was made for another host.")
ORIGIN_MISMATCH: Final = Reason("origin_mismatch", 403, "Pages of this origin may not do this.")
RATE_LIMITED: Final = Reason("rate_limited", 429, "Too many requests.")
INTERNAL_ERROR: Final = Reason("internal_error", 500, "The gateway failed.")
UPSTREAM_ERROR: Final = Reason("upstream_error", 502, "The service did not answer properly.")
UPSTREAM_UNAVAILABLE: Final = Reason("upstream_unavailable", 503, "The service cannot be reached.")
IDENTITY_PROVIDER_UNAVAILABLE: Final = Reason(
    "identity_provider_unavailable", 503, "Tokens cannot be checked at the moment."
)
LIMITER_UNAVAILABLE: Final = Reason("limiter_unavailable", 503, "Limits cannot be checked at the moment.")
WEBSOCKETS_FULL: Final = Reason("websockets_full", 503, "No more WebSockets can be opened at the moment.")
UPSTREAM_TIMEOUT: Final = Reason("upstream_timeout", 504, "The service did not answer in time.")

ALL: Final = tuple(value for value in list(globals().values()) if isinstance(value, Reason))
"""Every reason, for tables and metrics."""
