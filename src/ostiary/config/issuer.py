"""Whose tokens are believed, by which keys, and what their claims mean."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ostiary.config.addresses import Url
from ostiary.config.base import Model
from ostiary.config.references import FilePath, Secret
from ostiary.config.scalars import Count, Duration, Flag, Size
from ostiary.config.words import Text

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
    "HS256", "HS384", "HS512",
]  # fmt: skip


class Keys(Model):
    """Where an issuer's keys come from: exactly one of the sources, and how they are kept fresh."""

    discovery: Flag = False
    """Find the JWKS through the issuer's OpenID discovery document."""
    jwks_url: Url | None = None
    """URL of the JWKS."""
    file: FilePath | None = None
    """Path of a local JWKS file, relative to the configuration."""
    inline: dict[str, object] | None = None
    """The JWKS itself."""
    secret: Secret | None = None
    """Shared secret of HS* algorithms: at least 32 bytes, from ${ENV} or a secret file."""
    ttl: Duration = Field(300.0, gt=0)
    """Age at which a key set is due for refetching; the refresh starts at 75 % of it."""
    timeout: Duration = Field(5.0, gt=0)
    """The whole fetch, redirects included."""
    cooldown: Duration = Field(30.0, gt=0)
    """Least time between two refreshes caused by an unknown kid."""
    stale: Duration = 3600.0
    """How long past its TTL a key set serves while the provider fails; then 503."""
    max_bytes: Size = Field(512 * 1024, ge=1024, le=64 * 1024 * 1024)
    """Largest JWKS or discovery document read."""
    max_keys: Count = Field(100, ge=1, le=1000)
    """Most keys of one set."""
    allow_insecure_http: Flag = False
    """Fetch keys over plain HTTP from a host other than loopback. Unsafe outside development."""


class Claims(Model):
    """Where in the token to find what the gateway passes on; dots descend into objects."""

    scopes: tuple[Text, ...] = ("scope", "scopes", "scp")
    """First present wins: a space-separated string or an array."""
    roles: tuple[Text, ...] = ("roles",)
    """First present wins: an array of strings, or one string."""
    email: Text = "email"
    """The e-mail address."""
    tenant: Text = "tenant_id"
    """Whose data it is."""
    organisation: Text = "org_id"
    """The organisation."""
    plan: Text = "plan"
    """The plan that the tenant pays for."""
    tier: Text = "tier"
    """The claim that chooses the caller's rate-limit tier."""


class Issuer(Model):
    """One party whose tokens are believed, with its own keys."""

    issuer: Text
    """The exact `iss` value."""
    audiences: tuple[Text, ...] = Field(min_length=1)
    """Accepted `aud` values."""
    algorithms: tuple[Algorithm, ...] = Field(min_length=1)
    """Accepted algorithms; HS* never together with asymmetric ones."""
    keys: Keys
    """Where its keys come from."""
    token_types: tuple[Text, ...] = ("JWT", "at+jwt")
    """Accepted `typ` header values; an absent typ is accepted."""
    clock_tolerance: Duration = Field(30.0, ge=0, le=60)
    """Leeway on exp, nbf and iat."""
    require_exp: Flag = True
    """Refuse tokens that never expire."""
    require_sub: Flag = True
    """Refuse tokens without a subject."""
    claims: Claims = Claims()
    """Where things are in its tokens."""
