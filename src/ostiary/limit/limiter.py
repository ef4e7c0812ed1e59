"""One configured limit at work: whose bucket, which size, what the caller is told."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from hashlib import blake2b
from math import ceil, isfinite
from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.decision.outcome import Broken, Refusal
from ostiary.decision.reason import LIMITER_UNAVAILABLE
from ostiary.limit.fields import LimitFields
from ostiary.observe.metrics import LimitMetrics, Metrics
from ostiary.stores.protocol import StoreUnavailable

if TYPE_CHECKING:
    from ostiary.config.model import Bucket, Limit
    from ostiary.limit.tiers import TierTable
    from ostiary.stores.protocol import LimitStore, Taken

MAX_BURST: Final = 10**9
"""Millionths of a token still count exactly in a double, and so in a store's script."""
MAX_REFILL: Final = 10 * 366 * 86400.0
"""Longest time, in seconds, that a bucket may take to fill: a key must live that long."""


class LimitOutcome(msgspec.Struct, frozen=True, gc=False):
    """What came of asking.

    `fields` is the rendered header lines for the response, whichever it is; `retry_after` the whole seconds of a 429's
    `Retry-After`, 0 when allowed; `unchecked` tells that the store was away and the limit is configured to let through.
    """

    allowed: bool
    fields: bytes
    retry_after: int
    unchecked: bool = False


_UNCHECKED: Final = LimitOutcome(allowed=True, fields=b"", retry_after=0, unchecked=True)


class _Rule(msgspec.Struct, frozen=True):
    prefix: str
    rate: float
    burst: int
    fields: LimitFields
    counters: LimitMetrics


class Limiter:
    """A `Limit`, compiled, which counts its answers in `metrics`.

    Raises `ValueError` for one that cannot be kept: see `MAX_BURST` and `MAX_REFILL`.
    """

    def __init__(
        self, name: str, limit: Limit, tiers: TierTable, store: LimitStore, metrics: Metrics | None = None
    ) -> None:
        metrics = metrics or Metrics()
        self._store: Final = store
        self.by_address: Final = limit.key == "client_address"
        self._open: Final = limit.on_store_failure == "open"
        rules = {tier: _compile(name, tier, bucket, metrics.limit(name, tier)) for tier, bucket in limit.tiers.items()}
        self._rules: Final = tiers.nearest(rules)
        self.tier_of: Final = tiers.of_claim

    def key_for(self, issuer: str | None, subject: str | None, address: str) -> str:
        """The name of a caller's bucket: a digest, so that the store learns neither names nor addresses.

        `issuer` is the configured name, None for an anonymous caller. Callers are never taken for one another: not a
        subject that looks like an address, nor one subject of two issuers. A token without subject counts for its
        issuer and the address. Worth keeping with the token or the connection: it costs some microseconds.
        """
        if self.by_address or issuer is None:
            who = f"a{network_of(address)}"
        elif subject:
            who = f"s{len(issuer)}:{issuer}{subject}"
        else:
            who = f"i{len(issuer)}:{issuer}{network_of(address)}"
        return blake2b(who.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def take_now(self, key: str, tier: str, mono: float, cost: float = 1.0) -> LimitOutcome | None:
        """The same as `take`, at once; None if the store has to be waited for."""
        rule = self._rules[tier]
        taken = self._store.take_now(rule.prefix + key, rule.rate, rule.burst, cost, mono)
        return None if taken is None else _outcome(rule, taken)

    async def take(self, key: str, tier: str, mono: float, cost: float = 1.0) -> LimitOutcome:
        """Take from the bucket of `key` (from `key_for`) as `tier`; any `cost` is clamped to what a bucket can hold.

        Suspends only if the store does. Raises `Broken` if the store is away and the limit fails closed.
        """
        rule = self._rules[tier]
        try:
            taken = await self._store.take(rule.prefix + key, rule.rate, rule.burst, cost, mono)
        except StoreUnavailable:
            if self._open:
                rule.counters.failed_open.value += 1
                return _UNCHECKED
            rule.counters.failed_closed.value += 1
            raise Broken(Refusal(LIMITER_UNAVAILABLE, retry_after=1)) from None
        return _outcome(rule, taken)


def _outcome(rule: _Rule, taken: Taken) -> LimitOutcome:
    fields = rule.fields.render(taken)
    if taken.allowed:
        rule.counters.allowed.value += 1
        return LimitOutcome(True, fields, 0)
    rule.counters.limited.value += 1
    return LimitOutcome(False, fields, max(ceil(taken.retry_after), 1))


def _compile(name: str, tier: str, bucket: Bucket, counters: LimitMetrics) -> _Rule:
    rate, burst = bucket.rate, bucket.burst
    if not (isfinite(rate) and rate > 0.0):
        raise ValueError(f"limit {name}, tier {tier}: the rate must be above zero")
    if not (1 <= burst <= MAX_BURST and burst / rate <= MAX_REFILL):
        raise ValueError(f"limit {name}, tier {tier}: the burst must be 1 to {MAX_BURST} and refill within ten years")
    # A bucket for each tier: one key always has one rate and burst, on which its expiry in a store relies.
    return _Rule(f"{name}:{tier}:", rate, burst, LimitFields(name, rate, burst), counters)


@lru_cache(4096)
def network_of(address: str) -> str:
    """What counts as one client: an IPv4 address (also when mapped into IPv6), or the /64 of an IPv6 address.

    Text that is no address, such as the path of a Unix socket, counts as itself.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(parsed) >> 64 << 64))
