"""The token endpoint's reading of a request: RFC 6749 client credentials, as a pure function of form and header.

Two parameters are its own, for trying what a gateway does with them: `alg` chooses the signing algorithm, `expires_in`
the lifetime in seconds, which may be negative.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Client(msgspec.Struct, frozen=True):
    """A registered client: its secret, the scopes it may have, and claims that its tokens carry besides."""

    secret: str
    scopes: tuple[str, ...]
    claims: dict[str, object] = {}


class Grant(msgspec.Struct, frozen=True):
    """What to mint. `lifetime` is seconds; `audience` and `alg` are None for the provider's defaults."""

    client_id: str
    scopes: tuple[str, ...]
    claims: dict[str, object]
    audience: str | None
    alg: str | None
    lifetime: int


class Denied(Exception):
    """An error response of RFC 6749 section 5.2 (or RFC 8707 section 2): its code, text and status."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


LIFETIME: Final = 3600
"""Seconds that a token lives unless the request says otherwise."""

_KNOWN: Final = frozenset(
    ("grant_type", "client_id", "client_secret", "scope", "resource", "audience", "alg", "expires_in")
)
_LONGEST: Final = 86_400


def read_grant(
    form: Iterable[tuple[str, str]], authorization: str | None, clients: Mapping[str, Client], algorithms: Iterable[str]
) -> Grant:
    """Return what `form` asks for, with the client authenticated. Raises `Denied`.

    `form` is the decoded application/x-www-form-urlencoded body, `authorization` the header's value.
    """
    asked: dict[str, str] = {}
    for name, value in form:
        if name in asked:
            raise Denied("invalid_request", f"{name} is repeated" if name in _KNOWN else "a parameter is repeated")
        if value:  # RFC 6749 section 3.2: parameters without a value are treated as omitted
            asked[name] = value
    client_id, client = _authenticate(asked, authorization, clients)
    match asked.get("grant_type"):
        case None:
            raise Denied("invalid_request", "grant_type is missing")
        case "client_credentials":
            pass
        case _:
            raise Denied("unsupported_grant_type", "only client_credentials is supported")
    scopes = tuple(dict.fromkeys(asked["scope"].split())) if "scope" in asked else client.scopes
    if not set(scopes) <= set(client.scopes):
        raise Denied("invalid_scope", "the client may not have one of the scopes")
    alg = asked.get("alg")
    if alg is not None and alg not in algorithms:
        raise Denied("invalid_request", f"alg must be one of {', '.join(algorithms)}")
    return Grant(
        client_id, scopes, client.claims, asked.get("resource") or asked.get("audience"), alg, _lifetime(asked)
    )


def _lifetime(asked: Mapping[str, str]) -> int:
    text = asked.get("expires_in", str(LIFETIME))
    try:
        seconds = int(text[:8])
    except ValueError:
        seconds = _LONGEST + 1
    if abs(seconds) > _LONGEST:
        raise Denied("invalid_request", f"expires_in must be seconds, at most {_LONGEST} either way")
    return seconds


def _authenticate(
    asked: Mapping[str, str], authorization: str | None, clients: Mapping[str, Client]
) -> tuple[str, Client]:
    """RFC 6749 section 2.3.1: HTTP Basic or both parameters in the body, never both ways."""
    client_id, secret = asked.get("client_id", ""), asked.get("client_secret", "")
    if authorization is not None:
        if secret:
            raise Denied("invalid_request", "the client authenticates in two ways")
        client_id, secret = _basic(authorization)
    client = clients.get(client_id)
    # The comparison is made for an unknown client too, so that its time tells nothing.
    if not hmac.compare_digest(secret.encode(), (client.secret if client else "").encode()) or client is None:
        raise Denied("invalid_client", "the client is unknown or its secret wrong", 401)
    return client_id, client


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, value = authorization.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = client_id = secret = ""
    if scheme.lower() != "basic" or not colon:
        raise Denied("invalid_client", "the Authorization header is not HTTP Basic", 401)
    return unquote_plus(client_id), unquote_plus(secret)
