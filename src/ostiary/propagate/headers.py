"""Tell the upstream who calls in request header fields that only the gateway can set."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from ostiary.authenticate.identity import Identity
    from ostiary.config.model import IdentityHeaders

_VISIBLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in "%,")
"""Printable ASCII but the two characters that would be read as something else: an escape, a list."""


def field_text(value: str) -> str:
    """Make `value` safe as one element of a field value.

    Printable ASCII stays as it is; everything else, and ``%`` and ``,``, is percent-encoded as UTF-8, so that no value
    can end the line, start a new element or be read in two charsets. The upstream gets the value back by decoding.
    """
    text = value.strip(" ")
    if text.isascii() and text.isprintable() and "%" not in text and "," not in text:
        return text
    return quote(text, safe=_VISIBLE)


class IdentityHeaderRenderer:
    """Renders an identity under the configured field names."""

    keeps_authorization = False

    def __init__(self, names: IdentityHeaders) -> None:
        self._names = names

    def render(self, identity: Identity) -> bytes:
        """See `Propagator.render`. A field without a value is left out."""
        names = self._names
        fields = (
            (names.user_id, field_text(identity.subject)),
            (names.user_email, field_text(identity.email or "")),
            (names.user_roles, ",".join(map(field_text, identity.roles))),
            (names.tenant_id, field_text(identity.tenant or "")),
            (names.org_id, field_text(identity.organisation or "")),
            (names.tenant_plan, field_text(identity.plan or "")),
            (names.token_issuer, field_text(identity.issuer)),
            (names.token_scopes, " ".join(map(field_text, identity.scopes_in_order))),
            (names.token_expires, "" if identity.expires == inf else str(int(identity.expires))),
        )
        lines = [f"{name}: {value}\r\n" for name, value in fields if name and value]
        return "".join(lines).encode("ascii")
