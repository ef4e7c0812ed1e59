"""Authorise by the roles that the issuer gave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import ACCESS_DENIED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ostiary.authenticate.identity import Identity

_REFUSAL: Final = Refusal(ACCESS_DENIED, "The caller has none of the roles accepted here.")


class AnyRole:
    """At least one of these roles; an empty list allows nothing (law 6)."""

    def __init__(self, roles: Iterable[str]) -> None:
        self._accepted = frozenset(roles)

    def authorize(self, identity: Identity) -> Refusal | None:
        """See `Authorizer.authorize`."""
        return _REFUSAL if self._accepted.isdisjoint(identity.roles) else None
