"""The account of one worker's WebSockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostiary.observe import families

if TYPE_CHECKING:
    from ostiary.config.model import WebSockets as Settings
    from ostiary.observe.metrics import Metrics
    from ostiary.proxy.tunnel import Why


class WebSockets:
    """How many there are, those included that an upstream is being asked for. `settings` are their bounds."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self._entered = 0
        self._metrics = metrics
        self._open = metrics.gauge(families.WEBSOCKETS)
        self._opened = metrics.counter(families.WEBSOCKETS_OPENED)

    def enter(self) -> bool:
        """Count one that is asked for; False if there are too many."""
        if self._entered >= self.settings.connections:
            return False
        self._entered += 1
        return True

    def leave(self) -> None:
        """Forget one that was asked for and did not open."""
        self._entered -= 1

    def opened(self) -> None:
        """Count one that was asked for and is open."""
        self._open.value += 1
        self._opened.value += 1

    def closed(self, why: Why) -> None:
        """Forget one that was open."""
        self._entered -= 1
        self._open.value -= 1
        self._metrics.counter(families.WEBSOCKETS_CLOSED, why).value += 1
