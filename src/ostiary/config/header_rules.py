"""What must hold of the names of identity headers: that no header means two things, or steers the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ostiary.config.problem import Finding
from ostiary.http.headers import fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ostiary.config.model import Config

_NAMES: Final = """
    accept accept-charset accept-encoding accept-language age allow authorization cache-control client-ip connection
    cookie cookie2 date dpop etag expect expires forwarded from host http2-settings keep-alive last-modified link
    location max-forwards origin pragma proxy range referer retry-after server set-cookie te traceparent tracestate
    trailer transfer-encoding upgrade user-agent vary via warning www-authenticate x-correlation-id x-http-method
    x-http-method-override x-original-method x-original-uri x-original-url x-real-ip x-request-id x-rewrite-url
"""
_RESERVED: Final = frozenset(_NAMES.split())
_RESERVED_PREFIXES: Final = (
    "access-control-", "content-", "if-", "proxy-", "ratelimit", "sec-", "x-forwarded-",
)  # fmt: skip
_IDS: Final = frozenset({"request_id", "correlation_id"})
_ID_NAMES: Final = frozenset({"x-request-id", "x-correlation-id"})
_NEEDED: Final = frozenset(
    {"authorization", "connection", "content-length", "content-type", "expect", "host", "te", "transfer-encoding"}
)
"""What a request does not work without, so that it cannot be stripped from all of them."""


def identity_headers(config: Config) -> Iterator[Finding]:
    """The identity headers among themselves, and against those that already mean something."""
    section = config.identity_headers
    first: dict[bytes, str] = {}
    for field in type(section).model_fields:
        if field == "also_strip" or (name := getattr(section, field)) is None:
            continue
        path = ("identity_headers", field)
        reserved = name.lower() in _RESERVED or name.lower().startswith(_RESERVED_PREFIXES)
        if reserved and not (field in _IDS and name.lower() in _ID_NAMES):
            yield Finding(path, "names a header that has another meaning", "take one of your own: X-User-Id")
            continue
        other = first.setdefault(fold(name.encode("ascii")), field)
        if other != field:
            rests_on = (("identity_headers", other),)
            yield Finding(path, f"names the same header as {other}", "one header carries one thing", rests_on)
    for place, name in enumerate(section.also_strip):
        if name.lower() in _NEEDED:
            yield Finding(("identity_headers", "also_strip", place), "names a header that requests need")
