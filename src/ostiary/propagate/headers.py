"""Tell the upstream who calls in request header fields that only the gateway can set."""

from __future__ import annotations

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
    return quote(value.strip(" "), safe=_VISIBLE)


class IdentityHeaderRenderer:
    """Renders an identity under the configured field names."""

    keeps_authorization = False

    def __init__(self, names: IdentityHeaders) -> None:
        self._names = names

    def render(self, identity: Identity) -> bytes:
        """See `Propagator.render`. A field without a value is left out."""
        names = self._names
        expires = "" if identity.expires == float("inf") else str(int(identity.expires))
        fields = (
            (names.user_id, field_text(identity.subject)),
            (names.user_email, field_text(identity.email or "")),
            (names.user_roles, ",".join(field_text(role) for role in identity.roles)),
            (names.tenant_id, field_text(identity.tenant or "")),
            (names.org_id, field_text(identity.organisation or "")),
            (names.tenant_plan, field_text(identity.plan or "")),
            (names.token_issuer, field_text(identity.issuer)),
            (names.token_scopes, " ".join(field_text(scope) for scope in identity.scopes_in_order)),
            (names.token_expires, expires),
        )
        return "".join(f"{name}: {value}\r\n" for name, value in fields if name and value).encode("ascii")
