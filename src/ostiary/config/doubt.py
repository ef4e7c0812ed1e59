"""Which findings stand although not all of a document is sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostiary.config.problem import reached

if TYPE_CHECKING:
    from collections.abc import Collection

    from ostiary.config.problem import Finding, Path


class Doubt:
    """What cannot be relied on: values that are `lost`, and the absence of keys from mappings that are `incomplete`.

    A lost path may lead to where the document has nothing: then it is not certain that nothing was meant to be there.
    """

    def __init__(self, document: object, lost: Collection[Path], incomplete: Collection[Path] = ()) -> None:
        self._document = document
        self._lost = frozenset(lost)
        self._incomplete = frozenset(incomplete)
        self._around = {path[:depth] for path in self._lost for depth in range(len(path))}
        self._around |= {path[:depth] for path in self._incomplete for depth in range(len(path) + 1)}

    def voids(self, finding: Finding) -> bool:
        """Whether the finding may be none once what is lost is mended."""
        return self.at(finding.path) or any(path in self._around or self.at(path) for path in finding.rests_on)

    def at(self, path: Path) -> bool:
        """Whether the value at `path` is lost, by itself or with what it is in."""
        known, _ = reached(self._document, path)
        unread = len(known) < len(path) and known in self._incomplete
        return unread or any(path[:depth] in self._lost for depth in range(len(path) + 1))
