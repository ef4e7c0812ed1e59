"""How many requests may be sent again: a share of those that are answered, so that repeating never doubles an outage.

An upstream that fails would otherwise get each request twice, just when it can stand that least.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ostiary.config.model import Retries

_SAVED: Final = 10.0
"""Seconds for which an unused budget is kept."""
_MEASURED: Final = 1.0
"""Least seconds over which the rate of answers is measured."""


class RetryBudget:
    """A bucket that fills with a share of the answers.

    It costs those requests nothing: how many there were is asked for when something is to be repeated.
    """

    def __init__(self, retries: Retries, mono: float) -> None:
        self._retries = retries
        self._rate = float(retries.per_second)
        self._saved = self._rate * _SAVED
        self._saved_at = self._measured_at = mono
        self._answered = 0

    def spend(self, answered: int, mono: float) -> bool:
        """Whether one more request may be repeated at `mono`, `answered` having been answered since the beginning."""
        elapsed = mono - self._measured_at
        if elapsed >= _MEASURED:
            self._rate = self._retries.share * (answered - self._answered) / elapsed + self._retries.per_second
            self._answered, self._measured_at = answered, mono
        self._saved = min(self._saved + (mono - self._saved_at) * self._rate, self._rate * _SAVED)
        self._saved_at = mono
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True
