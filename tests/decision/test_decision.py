from __future__ import annotations

import pytest

from ostiary.decision.decision import Refused
from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import NO_ROUTE


def test_a_refusal_without_more_names_no_route_and_nobody() -> None:
    refused = Refused(None, Refusal(NO_ROUTE))
    assert (refused.route, refused.caller, refused.fields) == (None, None, b"")


def test_what_was_decided_stays_decided() -> None:
    refused = Refused(None, Refusal(NO_ROUTE))
    with pytest.raises(AttributeError):
        refused.fields = b"X: y\r\n"  # type: ignore[misc]  # it is read-only, which is the point
