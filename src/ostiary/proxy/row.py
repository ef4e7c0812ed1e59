"""Failures in a row: in a row of time, not only of the order in which they were noticed.

Requests that failed together may have been waiting together for long, while others were answered. So a failure follows
another only if its own request was made after the last good answer; one that is older tells that a request was slow,
not that nothing comes any more. It can begin a row, for something did fail, but adds nothing to one.
"""

from __future__ import annotations

from math import inf


class Row:
    """The failures of one target, or of one upstream, since its last good answer. Times are monotonic seconds."""

    __slots__ = ("failures", "good_at")

    def __init__(self) -> None:
        self.failures = 0
        self.good_at = -inf
        """When the last good answer ended, or later by as much as it may have been noticed late."""

    def good(self, mono: float) -> None:
        """Take note of a good answer."""
        self.failures = 0
        self.good_at = mono

    def failed(self, since: float) -> None:
        """Take note of the failure of a request that was made at `since`."""
        if not self.failures or since >= self.good_at:
            self.failures += 1
