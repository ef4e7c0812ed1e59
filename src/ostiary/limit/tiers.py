"""Which tier a caller belongs to, and which bucket that tier drinks from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ostiary.config.model import Tiers

ANONYMOUS: Final = "anonymous"
"""The tier of callers without an identity; below all others."""

T = TypeVar("T")


class TierTable:
    """The configured tiers in order, and the claim values that name them."""

    def __init__(self, tiers: Tiers) -> None:
        self.names: Final = (ANONYMOUS, *(name for name in tiers.names if name != ANONYMOUS))
        self._lowest: Final = self.names[min(1, len(self.names) - 1)]
        known = {name: name for name in self.names[1:]}
        self._of_claim: Final = known | {value: name for value, name in tiers.values.items() if name in known}

    def of_claim(self, claim: str | None) -> str:
        """The tier of an identity whose tier claim has this verified value; absent or unknown is the lowest.

        No value of a claim makes an authenticated caller anonymous.
        """
        return self._lowest if claim is None else self._of_claim.get(claim, self._lowest)

    def nearest(self, listed: Mapping[str, T]) -> dict[str, T]:
        """Each tier's entry: its own, or that of the nearest lower tier listed, or if there is none the lowest listed.

        Raises `ValueError` if nothing is listed or what is listed is not a tier.
        """
        if strange := listed.keys() - set(self.names):
            raise ValueError(f"not a tier: {', '.join(sorted(strange))}")
        order = [listed[name] for name in self.names if name in listed]
        if not order:
            raise ValueError("no tier has a bucket")
        entry, table = order[0], {}
        for name in self.names:
            table[name] = entry = listed.get(name, entry)
        return table
