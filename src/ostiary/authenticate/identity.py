"""Who a verified token says the caller is, in types that every later stage can trust.

What is passed on to a service may be put into a header, a log line or a key of the store, so it is printable text of at
most 512 characters: no controls, no invisible or direction-changing characters, no white space but spaces inside. A
claim that is absent, null or empty is not there; one of another type, or with such characters, makes the token
unacceptable, for what its issuer meant cannot be guessed.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from math import inf
from operator import methodcaller
from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import INVALID_CLAIMS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ostiary.config.model import Issuer

_MAX_TEXT: Final = 512
_MAX_NUMBER: Final = 2**64
"""Of a claim that numbers something: as text it is never long."""
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,512}")
"""RFC 6749 section 3.3."""
_MAX_ELEMENTS: Final = 256
_SCOPES_KEPT: Final = 256
"""Different texts of scopes whose meaning is remembered."""

Scopes = tuple[tuple[str, ...], frozenset[str]]
"""Scopes in the order in which a token lists them, without duplicates; and as a set."""
_NO_SCOPES: Final[Scopes] = ((), frozenset())


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


class IdentityReader:
    """Reads the identities in verified tokens of one issuer; where each claim is, is worked out once."""

    def __init__(self, name: str, issuer: Issuer) -> None:
        """`name` is the issuer's name in the configuration."""
        where = issuer.claims
        self._name = name
        self._issuer = issuer.issuer
        self._texts = tuple(
            (path, _finder(path)) for path in (where.email, where.tenant, where.organisation, where.plan)
        )
        self._roles = tuple((path, _finder(path)) for path in where.roles)
        self._scopes = tuple((path, _finder(path)) for path in where.scopes)
        self._tier = _finder(where.tier)

    def read(self, claims: dict[str, object]) -> Identity | Refusal:
        """Return the identity in the `claims` of a token that was found good, or a refusal with ``invalid_claims``."""
        exp = claims.get("exp")
        subject = claims.get("sub")
        try:
            texts = []
            for path, find in self._texts:
                value = find(claims)
                texts.append(None if value is None or value == "" else _text(value, path))
            email, tenant, organisation, plan = texts
            scopes_in_order, scopes = self._read_scopes(claims)
            tier = self._tier(claims)
            return Identity(
                issuer_name=self._name,
                issuer=self._issuer,
                subject="" if subject is None or subject == "" else _text(subject, "sub"),
                email=email,
                roles=self._read_roles(claims),
                scopes=scopes,
                scopes_in_order=scopes_in_order,
                tenant=tenant,
                organisation=organisation,
                plan=plan,
                # Whatever is not a known tier means the lowest one, so a strange value needs no refusal.
                tier_claim=tier if isinstance(tier, str) else None,
                expires=exp if isinstance(exp, (int, float)) else inf,
                claims=claims,
            )
        except _Unacceptable as error:
            return Refusal(INVALID_CLAIMS, f"The token's {error} is not of an acceptable form.")

    def _read_roles(self, claims: dict[str, object]) -> tuple[str, ...]:
        """All roles in all their places: an array of text, or one role."""
        roles: dict[str, None] = {}
        for path, find in self._roles:
            value = find(claims)
            if value is None:
                continue
            elements = value if isinstance(value, list) else [value]
            if len(elements) > _MAX_ELEMENTS:  # duplicates included, as with scopes: none is dropped unseen
                raise _Unacceptable(path)
            for role in elements:
                if not isinstance(role, str):
                    raise _Unacceptable(path)
                roles[_text(role, path)] = None
            if len(roles) > _MAX_ELEMENTS:
                raise _Unacceptable(path)
        return tuple(roles)

    def _read_scopes(self, claims: dict[str, object]) -> Scopes:
        """The scopes in the first place that has any: a string of them (RFC 8693 section 4.2) or an array."""
        for path, find in self._scopes:
            value = find(claims)
            if value is None:
                continue
            if isinstance(value, str):
                scopes = _common_scopes(value) if len(value) <= _MAX_TEXT else _scopes_of_text(value)
            else:
                scopes = _scopes(value) if isinstance(value, list) else None
            if scopes is None:
                raise _Unacceptable(path)
            return scopes
        return _NO_SCOPES


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


def _finder(path: str) -> Callable[[dict[str, object]], object]:
    """What finds the claim at `path`: for a plain name, one look-up."""
    return partial(claim, path=path) if "." in path else methodcaller("get", path)


def _text(value: object, path: str) -> str:
    """The text `value`; a whole number, as some issuers number their tenants, is its decimal text."""
    if isinstance(value, str):
        if 0 < len(value) <= _MAX_TEXT and value.isprintable() and value[0] != " " != value[-1]:
            return value
    elif type(value) is int and path != "sub" and abs(value) <= _MAX_NUMBER:
        return str(value)
    raise _Unacceptable(path)


def _scopes(elements: list[object]) -> Scopes | None:
    """The scopes that `elements` are; None if one of them is none, or there are too many."""
    if len(elements) > _MAX_ELEMENTS:
        return None
    scopes: dict[str, None] = {}
    for scope in elements:
        if not isinstance(scope, str) or not _SCOPE.fullmatch(scope):
            return None
        scopes[scope] = None
    in_order = tuple(scopes)
    return in_order, frozenset(in_order)


def _scopes_of_text(text: str) -> Scopes | None:
    return _scopes([scope for scope in text.split(" ") if scope])


_common_scopes: Final = lru_cache(_SCOPES_KEPT)(_scopes_of_text)
"""The same. Many callers have the same scopes, and what a text means does not change."""
