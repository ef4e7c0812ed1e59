"""Which requests may pass, whose they must be, and how the upstream is told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ostiary.config.addresses import Origin
from ostiary.config.base import Model
from ostiary.config.scalars import ClaimValue, Flag
from ostiary.config.words import CookieName, Domain, HeaderName, Method, Name, Scope, Text


class Match(Model):
    """Which requests a route speaks of."""

    hosts: tuple[Text, ...] = Field(("*",), min_length=1)
    """Exact host, *.suffix for its subdomains, or * for any."""
    path: Text
    """Literal segments, {name} for one segment, and a final /** for the rest."""
    methods: tuple[Method, ...] | None = Field(None, min_length=1)
    """Methods, upper case; absent: all."""


class ClaimRule(Model):
    """A condition on one claim: exactly one of the kinds."""

    claim: Text
    """Claim name; dots descend into objects."""
    one_of: tuple[ClaimValue, ...] | None = None
    """The claim (or one element of it, if an array) equals one of these."""
    domain: tuple[Domain, ...] | None = None
    """The claim is an address with exactly one @ and one of these domains, ASCII in any case."""


class Require(Model):
    """What an identity must have; all of it."""

    scopes: tuple[Scope, ...] = ()
    """All of these."""
    any_scope: tuple[Scope, ...] | None = None
    """At least one of these."""
    roles: tuple[Text, ...] | None = None
    """At least one of these."""
    claims: tuple[ClaimRule, ...] = ()
    """Each of these."""


class Route(Model):
    """One rule: which requests, who may send them, how much, and where to."""

    name: Name
    """Names the route in logs and metrics."""
    match: Match
    """Which requests."""
    upstream: Text
    """Name of the upstream that requests go to."""
    issuers: tuple[Text, ...] | None = None
    """Issuers whose tokens are accepted here; absent: all configured. An empty list accepts none."""
    anonymous: Flag = False
    """Let requests through that carry no credential at all."""
    require: Require = Require()
    """What their callers must have."""
    limit: Text | None = None
    """Name of the limit that callers are held to; absent: none."""
    propagate: Literal["headers", "pass-through"] = "headers"
    """How the upstream is told who calls: identity headers, or the original Authorization."""
    websocket: Flag = False
    """Let callers open WebSockets. Without it such a wish is ignored."""
    origins: tuple[Origin, ...] | None = None
    """Origins of the pages that may open WebSockets: [https://app.example.com]. Absent: any; an empty list: none."""
    websocket_cookie: CookieName | None = None
    """Name of a cookie that may bring the bearer token of a WebSocket, from a page of these origins; absent: none."""


class IdentityHeaders(Model):
    """Names of the headers that carry the identity; null leaves one out.

    All of them, in any spelling, are stripped from requests.
    """

    user_id: HeaderName | None = "X-User-Id"
    """The subject."""
    user_email: HeaderName | None = "X-User-Email"
    """The e-mail address."""
    user_roles: HeaderName | None = "X-User-Roles"
    """The roles, separated by commas."""
    tenant_id: HeaderName | None = "X-Tenant-Id"
    """The tenant."""
    org_id: HeaderName | None = "X-Org-Id"
    """The organisation."""
    tenant_plan: HeaderName | None = "X-Tenant-Plan"
    """The plan."""
    token_issuer: HeaderName | None = "X-Token-Issuer"  # noqa: S105 - a header name
    """The issuer: its `iss`."""
    token_scopes: HeaderName | None = "X-Token-Scopes"  # noqa: S105 - a header name
    """The scopes, separated by spaces."""
    token_expires: HeaderName | None = "X-Token-Expires"  # noqa: S105 - a header name
    """When the token expires, in seconds since 1970."""
    session_id: HeaderName | None = "X-Session-Id"
    """The session. Not filled in yet, but stripped."""
    request_id: HeaderName | None = "X-Request-Id"
    """The request's id, on every route. Answers, logs and trusted proxies always have it under X-Request-Id."""
    correlation_id: HeaderName | None = "X-Correlation-Id"
    """What the request belongs to: as a trusted proxy says in X-Correlation-Id, else the request's id."""
    also_strip: tuple[HeaderName, ...] = ()
    """Further headers that callers may never set."""
