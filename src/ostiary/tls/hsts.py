"""Strict-Transport-Security (RFC 6797), which means nothing but over TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ostiary.config.model import Tls


def hsts_field(tls: Tls | None) -> bytes:
    """The header line of a listener that speaks `tls`, ended by CRLF; empty if there is none to send."""
    if tls is None or tls.hsts is None:
        return b""
    below = b"; includeSubDomains" if tls.hsts.include_subdomains else b""
    return b"Strict-Transport-Security: max-age=%d%b\r\n" % (tls.hsts.max_age, below)
