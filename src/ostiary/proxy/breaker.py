"""A circuit breaker: it spares an upstream that fails, and asks it with a few probes whether it is back.

    CLOSED     everything is let through     enough failures in a row (see `Row`)    -> OPEN
    OPEN       nothing is let through        its time is over, and somebody asks     -> HALF_OPEN
    HALF_OPEN  as many as there are probes   a probe fails                           -> OPEN
                                             every probe has ended well              -> CLOSED

A probe that neither failed nor ended well (its client left, or does not send on) makes room for another. What was let
through before the circuit opened says nothing afterwards: only probes close it, and only probes open it again.
"""

from __future__ import annotations

from enum import Enum
from math import ceil
from typing import TYPE_CHECKING

from ostiary.proxy.row import Row

if TYPE_CHECKING:
    from ostiary.config.model import Circuit


class State(Enum):
    """What is let through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class CircuitBreaker:
    """The circuit of one upstream in one worker. Times are monotonic seconds."""

    def __init__(self, circuit: Circuit) -> None:
        self._circuit = circuit
        self.state = State.CLOSED
        self.row = Row()
        """Failures while closed."""
        self._until = 0.0
        """When an open circuit lets probes through."""
        self._under_way = 0
        self._well = 0
        """Probes that ended well."""

    def admits(self, mono: float) -> bool:
        """Whether a request may pass. In the half-open state one that may is a probe, and its end has to be told."""
        if self.state is State.CLOSED:
            return True
        if self.state is State.OPEN:
            if mono < self._until:
                return False
            self.state = State.HALF_OPEN
            self._under_way = self._well = 0
        if self._under_way + self._well >= self._circuit.probes:
            return False
        self._under_way += 1
        return True

    def failed(self, since: float, mono: float, *, probe: bool) -> bool:
        """Take note of the failure of a request that was made at `since`; True if it opened the circuit."""
        if self.state is State.CLOSED:
            self.row.failed(since)
            if not 0 < self._circuit.failures <= self.row.failures:
                return False
        elif self.state is State.OPEN or not probe:
            return False
        self.state = State.OPEN
        self.row.failures = 0
        self._until = mono + self._circuit.recover_after
        return True

    def succeeded(self, mono: float, *, probe: bool) -> None:
        """Take note of a good answer."""
        self.row.good(mono)
        if probe and self.state is State.HALF_OPEN:
            self._under_way -= 1
            self._well += 1
            if self._well >= self._circuit.probes:
                self.state = State.CLOSED

    def abandoned(self) -> None:
        """Take note of a probe that told nothing."""
        if self.state is State.HALF_OPEN:
            self._under_way -= 1

    def retry_after(self, mono: float) -> int:
        """Whole seconds after which asking again makes sense."""
        return max(1, ceil(self._until - mono)) if self.state is State.OPEN else 1
