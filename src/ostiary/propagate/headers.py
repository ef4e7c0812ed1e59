"""Tell the upstream who calls in request header fields that only the gateway can set."""

from __future__ import annotations

from itertools import compress
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
    return text if _is_plain(text) else quote(text, safe=_VISIBLE)


def _is_plain(text: str) -> bool:
    """Whether `text` can stand in a field as it is."""
    return text.isascii() and text.isprintable() and "%" not in text and "," not in text


class IdentityHeaderRenderer:
    """Renders an identity under the configured field names."""

    keeps_authorization = False

    def __init__(self, names: IdentityHeaders) -> None:
        shown = (
            names.user_id, names.user_email, names.user_roles, names.tenant_id, names.org_id, names.tenant_plan,
            names.token_issuer, names.token_scopes, names.token_expires,
        )  # fmt: skip
        self._beginnings = tuple(f"\r\n{name}: " for name in shown if name is not None)
        self._shown = None if None not in shown else tuple(name is not None for name in shown)

    def render(self, identity: Identity) -> bytes:
        """See `Propagator.render`. A field without a value is left out."""
        one, roles, scopes = identity, identity.roles, identity.scopes_in_order
        texts = [one.subject, one.email or "", one.tenant or "", one.organisation or "", one.plan or "", one.issuer]
        if not _is_plain("".join((*texts, *roles, *scopes))):
            texts = [field_text(text) for text in texts]
            roles, scopes = tuple(map(field_text, roles)), tuple(map(field_text, scopes))
        subject, email, tenant, organisation, plan, issuer = texts
        expires = "" if one.expires == inf else str(int(one.expires))
        values = (
            subject, email, ",".join(roles), tenant, organisation, plan, issuer, " ".join(scopes), expires,
        )  # fmt: skip
        shown = values if self._shown is None else compress(values, self._shown)
        lines = [beginning + value for beginning, value in zip(self._beginnings, shown, strict=True) if value]
        return f"{''.join(lines)}\r\n"[2:].encode("ascii")
