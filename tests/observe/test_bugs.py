from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ostiary.observe.bugs import Bugs
from ostiary.observe.instruments import Counter

if TYPE_CHECKING:
    import pytest


def test_a_bug_is_counted_and_placed_but_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    """Case L1: an exception's text might repeat a credential."""
    counter = Counter()
    bug = Bugs(counter)
    try:
        int("canary-token")
    except ValueError as error:
        with caplog.at_level(logging.CRITICAL):
            bug(error)
    assert counter.value == 1
    assert "unexpected ValueError at test_a_bug_is_counted_and_placed_but_not_quoted:" in caplog.text
    assert "canary-token" not in caplog.text
