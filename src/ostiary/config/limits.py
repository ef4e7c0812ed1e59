"""How much each caller may ask for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ostiary.config.base import Model
from ostiary.config.scalars import Count, Rate
from ostiary.config.words import Name, Text


class Bucket(Model):
    """A token bucket."""

    rate: Rate
    """Refill: 100/s, 5/min, 3/h."""
    burst: Count = Field(ge=1)
    """Capacity, in requests."""


class Limit(Model):
    """A limit that routes name; every route naming it draws from the same buckets."""

    key: Literal["identity", "client_address"] = "identity"
    """identity: issuer and subject, else the client address; client_address: of routes that take no tokens."""
    tiers: dict[Name, Bucket] = Field(min_length=1)
    """A bucket for each tier; a caller whose tier has no bucket takes the one of the nearest lower tier listed."""
    on_store_failure: Literal["open", "closed"] = "closed"
    """With the store away: let through without RateLimit fields, or refuse with 503."""


class Tiers(Model):
    """Names of the tiers, lowest first; `anonymous` is always below them."""

    names: tuple[Name, ...] = Field(("free", "premium", "enterprise"), min_length=1)
    """Lowest first."""
    values: dict[str, Text] = Field({})
    """Claim value to tier name, where they differ."""
