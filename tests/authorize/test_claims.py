from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.authorize.claims import ClaimDomain, ClaimOneOf
from ostiary.decision.reason import ACCESS_DENIED
from tests.support.callers import identity

Scalar = str | int | bool
SCALARS = st.one_of(st.booleans(), st.integers(-2, 2), st.sampled_from(["", "1", "true", "x"]))


@given(accepted=st.lists(SCALARS), held=SCALARS)
def test_equal_means_the_same_value_of_the_same_type(accepted: list[Scalar], held: Scalar) -> None:
    """In JSON neither true nor "1" is 1."""
    passes = ClaimOneOf("level", accepted).authorize(identity(level=held)) is None
    assert passes == any(type(held) is type(one) and held == one for one in accepted)


def test_one_element_of_an_array_suffices() -> None:
    rule = ClaimOneOf("groups", ["staff", 7])
    assert rule.authorize(identity(groups=["guests", "staff"])) is None
    assert rule.authorize(identity(groups=[[], {}, None, 7])) is None
    assert rule.authorize(identity(groups=["guests", "7"])) is not None
    assert rule.authorize(identity(groups=[["staff"]])) is not None
    assert rule.authorize(identity(groups=[])) is not None


def test_dots_descend_into_objects() -> None:
    rule = ClaimOneOf("org.level", ["gold"])
    assert rule.authorize(identity(org={"level": "gold"})) is None
    assert rule.authorize(identity(**{"org.level": "gold"})) is None
    others: list[dict[str, object]] = [{}, {"org": "gold"}, {"org": {"level": {}}}, {"level": "gold"}]
    for claims in others:
        assert rule.authorize(identity(**claims)) is not None


@pytest.mark.parametrize("held", [None, {}, {"staff": 1}, 1.0, "", [None]])
def test_what_is_absent_or_of_another_kind_equals_nothing(held: object) -> None:
    refusal = ClaimOneOf("group", ["staff", 1]).authorize(identity(group=held))
    assert refusal is not None
    assert refusal.reason == ACCESS_DENIED
    assert ClaimOneOf("group", []).authorize(identity(group=held)) is not None


@pytest.mark.parametrize("held", ["a@corp.com", "A.B+c@CORP.com", "a@Corp.Example"])
def test_an_address_of_an_accepted_domain_passes_in_any_case(held: str) -> None:
    assert ClaimDomain("mail", ["corp.com", "CORP.example"]).authorize(identity(mail=held)) is None


@pytest.mark.parametrize(
    "held",
    [
        "a@evil@corp.com",
        "a@corp.com@evil.example",
        "a@corp.com.evil.example",
        "a@evilcorp.com",
        "a@sub.corp.com",
        "a@corp.com.",
        "a@corp.com ",
        "@corp.com",
        "corp.com",
        "a@",
        "",
        7,
        None,
        ["a@corp.com"],
        {"mail": "a@corp.com"},
        "a@wor\u212a.com",
        "a@\uff57ork.com",
    ],
)
def test_anything_else_is_denied(held: object) -> None:
    """Case H13 and its kin."""
    refusal = ClaimDomain("mail", ["corp.com", "work.com"]).authorize(identity(mail=held))
    assert refusal is not None
    assert refusal.reason == ACCESS_DENIED
    assert ClaimDomain("mail", []).authorize(identity(mail=held)) is not None
