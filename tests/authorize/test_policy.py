from __future__ import annotations

import pytest

from ostiary.authorize.policy import compile_requirements
from ostiary.config.model import Require
from ostiary.decision.reason import ACCESS_DENIED, INSUFFICIENT_SCOPE, Reason
from tests.support.callers import identity

EVERYTHING = Require.model_validate(
    {
        "scopes": ["read"],
        "any_scope": ["a", "b"],
        "roles": ["editor"],
        "claims": [{"claim": "level", "one_of": [1]}, {"claim": "email", "domain": ["corp.com"]}],
    }
)
GOOD = {"scope": "read b", "roles": ["editor"], "level": 1, "email": "a@corp.com"}


def refused(require: Require, **claims: object) -> Reason | None:
    caller = identity(**claims)
    refusals = (condition.authorize(caller) for condition in compile_requirements(require))
    return next((refusal.reason for refusal in refusals if refusal is not None), None)


def test_who_meets_everything_passes() -> None:
    assert refused(EVERYTHING, **GOOD) is None


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"scope": "b"}, INSUFFICIENT_SCOPE),
        ({"scope": "read"}, INSUFFICIENT_SCOPE),
        ({"roles": []}, ACCESS_DENIED),
        ({"level": True}, ACCESS_DENIED),
        ({"email": "a@other.com"}, ACCESS_DENIED),
    ],
)
def test_whoever_misses_one_condition_is_refused_for_it(changes: dict[str, object], reason: Reason) -> None:
    assert refused(EVERYTHING, **(GOOD | changes)) == reason


def test_nothing_required_is_nothing_to_meet() -> None:
    assert compile_requirements(Require()) == ()


@pytest.mark.parametrize("empty", [{"any_scope": []}, {"roles": []}, {"claims": [{"claim": "level", "one_of": []}]}])
def test_an_empty_list_allows_nothing(empty: dict[str, object]) -> None:
    """Law 6: unlike an absent one."""
    assert refused(Require.model_validate(empty), **GOOD) is not None
