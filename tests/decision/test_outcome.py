from __future__ import annotations

import pytest

from ostiary.decision.outcome import NOT_MINE, Broken, NotMine, Refusal
from ostiary.decision.reason import IDENTITY_PROVIDER_UNAVAILABLE


def test_the_three_outcomes_are_three_types() -> None:
    """Law 3."""
    assert isinstance(NOT_MINE, NotMine)
    assert not issubclass(Refusal, Exception | NotMine)
    assert issubclass(Broken, Exception)
    assert repr(NOT_MINE) == "NOT_MINE"


def test_a_failed_dependency_carries_its_refusal_and_says_no_more_than_its_code() -> None:
    refusal = Refusal(IDENTITY_PROVIDER_UNAVAILABLE, "canary", retry_after=3)
    with pytest.raises(Broken) as caught:
        raise Broken(refusal)
    assert caught.value.refusal is refusal
    assert str(caught.value) == "identity_provider_unavailable"


def test_a_refusal_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Refusal(IDENTITY_PROVIDER_UNAVAILABLE).detail = "another"  # type: ignore[misc]  # it is read-only, which is the point
