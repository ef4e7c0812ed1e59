"""An issuer's keys, wherever they come from: what the rest of the gateway sees of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import msgspec

from ostiary.decision.outcome import Broken, Refusal
from ostiary.decision.reason import IDENTITY_PROVIDER_UNAVAILABLE

if TYPE_CHECKING:
    from ostiary.jose.key import Key, KeySet


KeyEventKind: TypeAlias = Literal[
    "refresh_failed", "stale", "unavailable", "refresh_recovered", "keys_changed", "keys_ignored", "private_key"
]
"""``stale``: keys serve past their TTL. ``unavailable``: none is usable. ``private_key``: a secret was ignored."""


class KeyStatus(msgspec.Struct, frozen=True):
    """How an issuer's keys are.

    `ready`: there are usable ones, `keys` of them. `age`: seconds since the last good refresh, +inf if there was none.
    `stale`: they are usable, but that is longer ago than the TTL. `failures`: refreshes that failed since.
    """

    ready: bool
    keys: int
    age: float
    stale: bool
    failures: int
    last_error: str


class KeyEvent(msgspec.Struct, frozen=True):
    """Something about an issuer's keys that an operator should hear of.

    `detail` is a sentence that names hosts and files, and repeats nothing else of what was received.
    """

    issuer: str
    kind: KeyEventKind
    detail: str


class KeySource(Protocol):
    """The keys of one issuer."""

    def known(self, kid: str | None, alg: str, mono: float) -> tuple[Key, ...]:
        """Return the candidates for a header among the keys usable at `mono` (monotonic seconds), from memory."""

    async def find(self, kid: str | None, alg: str, mono: float) -> tuple[Key, ...]:
        """Return the candidates for a header that `known` found nothing for, asking the provider if it is time to.

        Raises Broken if there are no usable keys at all.
        """

    def status(self, mono: float) -> KeyStatus:
        """Tell how the keys are at `mono`."""

    async def start(self) -> None:
        """Begin to load keys, and return before they are loaded."""

    async def close(self) -> None:
        """Stop, and wait for what is under way to end."""


class FixedKeys:
    """Keys that are part of the configuration: a set given inline, or a shared secret."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys
        for key in keys.keys:
            key.usable_until = math.inf

    def known(self, kid: str | None, alg: str, mono: float) -> tuple[Key, ...]:  # noqa: ARG002  # always usable
        """Return the candidates."""
        return self._keys.candidates(kid, alg)

    async def find(self, kid: str | None, alg: str, mono: float) -> tuple[Key, ...]:
        """There is nobody to ask for more."""
        return self.known(kid, alg, mono)

    def status(self, mono: float) -> KeyStatus:  # noqa: ARG002  # the same
        """They are as they were configured."""
        return KeyStatus(ready=True, keys=len(self._keys.keys), age=0.0, stale=False, failures=0, last_error="")

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to stop."""


def unavailable(seconds: float) -> Broken:
    """The refusal of a token that cannot be checked for want of keys, which will be asked for again in `seconds`."""
    return Broken(Refusal(IDENTITY_PROVIDER_UNAVAILABLE, retry_after=math.ceil(max(1.0, seconds))))
