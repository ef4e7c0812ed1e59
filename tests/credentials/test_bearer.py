from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.credentials.bearer import bearer
from ostiary.decision.outcome import NOT_MINE, Refusal
from ostiary.decision.reason import AMBIGUOUS_CREDENTIALS, INVALID_TOKEN

CASES = st.lists(st.booleans(), min_size=6, max_size=6)
OCTETS = st.binary(min_size=1, max_size=40)


def refused(*values: bytes) -> str | None:
    found = bearer(values)
    return found.reason.code if isinstance(found, Refusal) else None


def test_no_field_is_nobodys() -> None:
    assert bearer(()) is NOT_MINE


@given(upper=CASES, token=OCTETS.filter(lambda token: token[:1] not in b" \t"))
def test_the_scheme_counts_in_any_case_and_the_token_is_taken_as_it_is(upper: list[bool], token: bytes) -> None:
    letters = zip("bearer", upper, strict=True)
    scheme = "".join(letter.upper() if big else letter for letter, big in letters)
    assert bearer((scheme.encode() + b" " + token,)) == token


@pytest.mark.parametrize(
    "value",
    [b"Bearer", b"Bearer ", b"bearer", b"BEARER ", b"Bearer\ttoken", b"Bearer  token", b"Bearer \ttoken", b"bearer  t"],
)
def test_a_bearer_without_one_space_and_a_token_is_malformed_never_nothing(value: bytes) -> None:
    """Case T24: nothing would be an anonymous caller."""
    assert refused(value) == INVALID_TOKEN.code


@pytest.mark.parametrize("value", [b"", b"Basic YTpi", b"Bearerx", b"Bearer,token", b"DPoP abc", b"token", b"B"])
def test_another_scheme_is_for_another(value: bytes) -> None:
    assert bearer((value,)) is NOT_MINE


@pytest.mark.parametrize("values", [(b"Bearer a", b"Bearer b"), (b"Bearer a", b"Bearer a"), (b"Basic x", b"Bearer a")])
def test_several_fields_are_ambiguous(values: tuple[bytes, ...]) -> None:
    """Case T23."""
    assert refused(*values) == AMBIGUOUS_CREDENTIALS.code


@given(value=OCTETS)
def test_whatever_else_it_is_one_of_the_three_and_repeats_nothing(value: bytes) -> None:
    found = bearer((value,))
    if isinstance(found, Refusal):
        assert found.detail == "The Authorization header is not of the form: Bearer <token>."
    else:
        assert found is NOT_MINE or (isinstance(found, bytes) and value.endswith(found))
