"""Exceptions that nothing expects: counted, and told by their place."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ostiary.observe.instruments import Counter

_log = logging.getLogger("ostiary.bugs")


class Bugs:
    """The unknown exceptions of one part of the gateway."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def __call__(self, error: BaseException) -> None:
        """Count `error` and log its type and place. Its text is left out: it might quote a credential (law 8)."""
        self._counter.value += 1
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_qualname}:{place.tb_lineno}" if place is not None else "nowhere"
        _log.critical("unexpected %s at %s", type(error).__name__, where)
