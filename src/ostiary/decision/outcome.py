"""The three outcomes of a stage, as three types (law 3), and the decision they add up to.

A stage returns what it found, or ``NOT_MINE`` (ask the next one), or a `Refusal` (stop: a bad credential never becomes
anonymous); it raises `Broken` when something it depends on failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import msgspec

if TYPE_CHECKING:
    from ostiary.decision.reason import Reason


@final
class NotMine:
    """The type of `NOT_MINE`."""

    def __repr__(self) -> str:
        return "NOT_MINE"


NOT_MINE: Final = NotMine()
"""This way of authenticating found nothing that is its own."""


class Refusal(msgspec.Struct, frozen=True):
    """The request goes no further.

    `detail` is shown to the caller: it never repeats what the caller sent, nor a secret. `scope` is the space-separated
    scope that would have sufficed (RFC 6750 section 3). `retry_after` is whole seconds.
    """

    reason: Reason
    detail: str = ""
    scope: str = ""
    retry_after: int = 0


class Broken(Exception):
    """A dependency failed, so that nothing can be said of the request. Carries the refusal that says so."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason.code)
        self.refusal = refusal
