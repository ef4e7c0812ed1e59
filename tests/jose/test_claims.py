from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import INVALID_CLAIMS, TOKEN_EXPIRED, TOKEN_NOT_ACTIVE, Reason
from ostiary.jose.claims import Demands, Registered
from tests.support.issuers import WALL, issuer
from tests.support.tokens import AUDIENCE

_NOW = int(WALL)


def _check(**changes: object) -> Registered | Reason:
    demands = {name: changes.pop(name) for name in ("require_exp", "require_sub", "clock_tolerance") if name in changes}
    usual = {"aud": AUDIENCE, "sub": "alice", "exp": _NOW + 300}
    claims = {name: value for name, value in {**usual, **changes}.items() if value != "absent"}
    found = Demands(issuer(**demands)).check(claims, WALL)
    return found.reason if isinstance(found, Refusal) else found


def test_what_is_said_is_told_with_the_tolerance_in_it() -> None:
    assert _check(nbf=_NOW - 5, iat=_NOW - 9) == Registered("alice", _NOW - 35, _NOW + 330, _NOW + 300)
    assert _check(clock_tolerance=0) == Registered("alice", -inf, _NOW + 300, _NOW + 300)


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"exp": _NOW - 29}, None),
        ({"exp": _NOW - 29.5}, None),
        ({"exp": _NOW - 30}, TOKEN_EXPIRED),
        ({"exp": _NOW - 31}, TOKEN_EXPIRED),
        ({"exp": 0}, TOKEN_EXPIRED),
        ({"nbf": _NOW + 30}, None),
        ({"nbf": _NOW + 31}, TOKEN_NOT_ACTIVE),
        ({"iat": _NOW + 30}, None),
        ({"iat": _NOW + 31}, INVALID_CLAIMS),
        ({"exp": _NOW, "clock_tolerance": 0}, TOKEN_EXPIRED),
        ({"exp": _NOW + 1, "nbf": _NOW, "iat": _NOW, "clock_tolerance": 0}, None),
        ({"nbf": _NOW + 1, "clock_tolerance": 0}, TOKEN_NOT_ACTIVE),
    ],
)
def test_the_tolerance_ends_where_it_ends(changes: dict[str, object], expected: Reason | None) -> None:
    found = _check(**changes)
    assert isinstance(found, Registered) if expected is None else found == expected


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value",
    ["9999999999", "", True, False, None, [], {}, [1], -1, -0.5, 253402300800, 2.001e206, 10**400, inf, float("nan")],
)
def test_a_date_is_a_number_of_this_or_a_coming_millennium(name: str, value: object) -> None:
    assert _check(**{name: value}) == INVALID_CLAIMS


def test_a_token_expires_unless_the_issuer_need_not_say_so() -> None:
    assert _check(exp="absent") == INVALID_CLAIMS
    assert _check(exp="absent", require_exp=False) == Registered("alice", -inf, inf, inf)
    assert _check(exp=None, require_exp=False) == INVALID_CLAIMS


@pytest.mark.parametrize(
    "audience, accepted",
    [
        (AUDIENCE, True),
        ([AUDIENCE], True),
        (["other", AUDIENCE], True),
        ("other", False),
        (AUDIENCE + "/", False),
        (["other"], False),
        ([], False),
        ([AUDIENCE, 1], False),
        ([[AUDIENCE]], False),
        (1, False),
        (True, False),
        (None, False),
        ({AUDIENCE: 1}, False),
        ("absent", False),
    ],
)
def test_a_token_is_for_this_audience(audience: object, accepted: bool) -> None:  # noqa: FBT001  # a table's column
    found = _check(aud=audience)
    assert isinstance(found, Registered) if accepted else found == INVALID_CLAIMS


@pytest.mark.parametrize("subject", ["absent", "", None, 1, True, ["alice"], {}, "s" * 256])
def test_a_subject_is_needed(subject: object) -> None:
    assert _check(sub=subject) == INVALID_CLAIMS


def test_a_subject_may_be_missing_where_the_issuer_need_not_name_one() -> None:
    assert _check(sub="absent", require_sub=False) == Registered("", -inf, _NOW + 330, _NOW + 300)
    assert _check(sub=1, require_sub=False) == INVALID_CLAIMS


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["exp", "nbf", "iat", "aud", "sub"]), _json))
def test_whatever_is_claimed_there_is_an_answer(claims: dict[str, object]) -> None:
    found = Demands(issuer()).check(claims, WALL)
    if isinstance(found, Registered):
        assert found.not_before <= WALL < found.expires_at <= 253402300799 + 30
