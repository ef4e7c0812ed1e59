"""Authorise by the token's scopes (RFC 6750 section 3.1, RFC 9068 section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import INSUFFICIENT_SCOPE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ostiary.authenticate.identity import Identity


class AllScopes:
    """Every one of these scopes."""

    def __init__(self, scopes: Iterable[str]) -> None:
        names = tuple(dict.fromkeys(scopes))
        self._needed = frozenset(names)
        self._refusal = Refusal(INSUFFICIENT_SCOPE, "The token lacks a scope that is needed here.", " ".join(names))

    def authorize(self, identity: Identity) -> Refusal | None:
        """See `Authorizer.authorize`."""
        return None if self._needed <= identity.scopes else self._refusal


class AnyScope:
    """At least one of these scopes; an empty list allows nothing (law 6)."""

    def __init__(self, scopes: Iterable[str]) -> None:
        names = tuple(dict.fromkeys(scopes))
        self._accepted = frozenset(names)
        self._refusal = Refusal(INSUFFICIENT_SCOPE, "The token has none of the scopes accepted here.", " ".join(names))

    def authorize(self, identity: Identity) -> Refusal | None:
        """See `Authorizer.authorize`."""
        return self._refusal if self._accepted.isdisjoint(identity.scopes) else None
