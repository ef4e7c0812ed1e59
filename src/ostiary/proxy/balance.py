"""Which of several targets a request goes to.

Whichever the way, a target that is out is left out while another is up; if all of those that are not down are at rest,
the one whose turn it is gets the request: a rest is a guess, and a refusal for certain is no better.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ostiary.config.model import Upstream
    from ostiary.proxy.target import Target

    Balance = Callable[[float], Target | None]
    """What chooses at a time (monotonic seconds): a target, or None if every one is down."""


def balance(upstream: Upstream, targets: Sequence[Target]) -> Balance:
    """Return what `upstream` is configured to choose its targets by."""
    return (RoundRobin if upstream.balance == "round-robin" else LeastLoaded)(targets).choose


class RoundRobin:
    """Each in turn."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets: Final = tuple(targets)
        self._turn = len(targets) - 1

    def choose(self, mono: float) -> Target | None:
        """Choose the next one that is up."""
        targets, turn, resting = self._targets, self._turn, None
        for _ in targets:
            turn += 1
            if turn == len(targets):
                turn = 0
            target = targets[turn]
            if target.out_until <= mono:
                self._turn = turn
                return target
            if resting is None and not target.down:
                resting = turn
        if resting is None:
            return None
        self._turn = resting
        return targets[resting]


class LeastLoaded:
    """The one with the fewest requests of this worker; among equals, each in turn."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets: Final = tuple(targets)
        self._turns: Final = RoundRobin(targets)

    def choose(self, mono: float) -> Target | None:
        """Choose the least loaded one that is up, beginning with the one whose turn it is."""
        best = self._turns.choose(mono)
        if best is None or best.open == len(best.idle):
            return best
        least = best.open - len(best.idle)
        for target in self._targets:
            load = target.open - len(target.idle)
            if load < least and target.out_until <= mono:
                best, least = target, load
        return best
