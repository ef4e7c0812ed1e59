"""Who a verified token says the caller is, in types that every later stage can trust.

What is passed on to a service may be put into a header, a log line or a key of the store, so it is printable text of at
most 512 characters: no controls, no invisible or direction-changing characters, no white space but spaces inside. A
claim that is absent, null or empty is not there; one of another type, or with such characters, makes the token
unacceptable, for what its issuer meant cannot be guessed.
"""

from __future__ import annotations

import re
from math import inf
from typing import TYPE_CHECKING, Final, TypeGuard

import msgspec

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import INVALID_CLAIMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ostiary.config.model import Issuer

_MAX_TEXT: Final = 512
_MAX_NUMBER: Final = 2**64
"""Of a claim that numbers something: as text it is never long."""
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,512}")
"""RFC 6749 section 3.3."""
_MAX_ELEMENTS: Final = 256


class Identity(msgspec.Struct, frozen=True):
    """A caller, whose `subject` is unique within its issuer only.

    `issuer_name` is the issuer's name in the configuration, `issuer` its ``iss``. `expires` is ``exp`` in Unix
    seconds, +inf without one. `scopes_in_order` and `roles` are as the token lists them, without duplicates.
    `tier_claim` is the text of the tier claim, whatever it says; None unless it is text.
    """

    issuer_name: str
    issuer: str
    subject: str
    email: str | None
    roles: tuple[str, ...]
    scopes: frozenset[str]
    scopes_in_order: tuple[str, ...]
    tenant: str | None
    organisation: str | None
    plan: str | None
    tier_claim: str | None
    expires: float
    claims: dict[str, object]


class _Unacceptable(Exception):
    """Carries the name of a claim that cannot be passed on."""


def read_identity(payload: bytes, name: str, issuer: Issuer) -> Identity | Refusal:
    """Return the identity in the claims of a verified token, or a refusal with ``invalid_claims``.

    `payload` is the JSON text of a token that `TokenVerifier` found good; `name` is its issuer's name and `issuer`
    its configuration.
    """
    claims: dict[str, object] = msgspec.json.decode(payload)
    where = issuer.claims
    exp = claims.get("exp")
    try:
        scopes = _scopes(claims, where.scopes)
        return Identity(
            issuer_name=name,
            issuer=issuer.issuer,
            subject=_text(claims, "sub") or "",
            email=_text(claims, where.email),
            roles=_roles(claims, where.roles),
            scopes=frozenset(scopes),
            scopes_in_order=scopes,
            tenant=_text(claims, where.tenant),
            organisation=_text(claims, where.organisation),
            plan=_text(claims, where.plan),
            tier_claim=_tier(claims, where.tier),
            expires=exp if isinstance(exp, (int, float)) else inf,
            claims=claims,
        )
    except _Unacceptable as error:
        return Refusal(INVALID_CLAIMS, f"The token's {error} is not of an acceptable form.")


def claim(claims: Mapping[str, object], path: str) -> object:
    """Return the claim at `path`, None if there is none.

    A claim of exactly that name comes first, for names that are URLs have dots in them; else dots descend into objects.
    """
    if path in claims:
        return claims[path]
    value: object = claims
    for step in path.split("."):
        if not isinstance(value, dict) or step not in value:
            return None
        value = value[step]
    return value


def _text(claims: Mapping[str, object], path: str) -> str | None:
    """The text at `path`; a whole number, as some issuers number their tenants, is its decimal text."""
    value = claim(claims, path)
    if value is None or value == "":
        return None
    if type(value) is int and path != "sub" and abs(value) <= _MAX_NUMBER:
        return str(value)
    if not _is_text(value):
        raise _Unacceptable(path)
    return value


def _is_text(value: object) -> TypeGuard[str]:
    return (
        isinstance(value, str) and 0 < len(value) <= _MAX_TEXT and value.isprintable() and value[0] != " " != value[-1]
    )


def _tier(claims: Mapping[str, object], path: str) -> str | None:
    """Whatever is not a known tier means the lowest one, so a strange value needs no refusal."""
    value = claim(claims, path)
    return value if isinstance(value, str) else None


def _roles(claims: Mapping[str, object], paths: tuple[str, ...]) -> tuple[str, ...]:
    """All roles at all `paths`: an array of text, or one role."""
    roles: dict[str, None] = {}
    for path in paths:
        value = claim(claims, path)
        if value is None:
            continue
        elements = value if isinstance(value, list) else [value]
        for role in elements[: _MAX_ELEMENTS + 1]:
            if not _is_text(role):
                raise _Unacceptable(path)
            roles[role] = None
        if len(roles) > _MAX_ELEMENTS:
            raise _Unacceptable(path)
    return tuple(roles)


def _scopes(claims: Mapping[str, object], paths: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes at the first of `paths` that is there: a string of them (RFC 8693 section 4.2) or an array."""
    for path in paths:
        value = claim(claims, path)
        if value is None:
            continue
        elements = [scope for scope in value.split(" ") if scope] if isinstance(value, str) else value
        if not isinstance(elements, list) or len(elements) > _MAX_ELEMENTS:
            raise _Unacceptable(path)
        if not all(isinstance(scope, str) and _SCOPE.fullmatch(scope) for scope in elements):
            raise _Unacceptable(path)
        return tuple(dict.fromkeys(elements))
    return ()
