"""Authorise by the values of single claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ostiary.authenticate.identity import claim
from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import ACCESS_DENIED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ostiary.authenticate.identity import Identity

_REFUSAL: Final = Refusal(ACCESS_DENIED, "A claim of the token has no value that is accepted here.")


class ClaimOneOf:
    """The claim, or an element of it if it is an array, equals one of these values and is of the same type."""

    def __init__(self, name: str, accepted: Iterable[str | int | bool]) -> None:
        self._claim = name
        # True == 1 in Python, and never in JSON.
        self._accepted = frozenset((type(value), value) for value in accepted)

    def authorize(self, identity: Identity) -> Refusal | None:
        """See `Authorizer.authorize`."""
        value = claim(identity.claims, self._claim)
        values = value if isinstance(value, list) else [value]
        for one in values:
            if isinstance(one, str | int) and (type(one), one) in self._accepted:
                return None
        return _REFUSAL


class ClaimDomain:
    """The claim is an address with exactly one ``@`` and one of these domains, in any case. Domains are ASCII."""

    def __init__(self, name: str, domains: Iterable[str]) -> None:
        self._claim = name
        self._domains = frozenset(domain.lower() for domain in domains)

    def authorize(self, identity: Identity) -> Refusal | None:
        """See `Authorizer.authorize`."""
        value = claim(identity.claims, self._claim)
        if not isinstance(value, str) or value.count("@") != 1:
            return _REFUSAL
        local, _, domain = value.partition("@")
        # Lower case of more than ASCII would make a K of U+212A, and with it one domain of another.
        return None if local and domain.isascii() and domain.lower() in self._domains else _REFUSAL
