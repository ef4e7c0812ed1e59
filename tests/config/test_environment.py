from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.config.environment import CHARACTERS, Environment


@pytest.mark.parametrize(
    "text,filled",
    [
        ("${A}", "one"),
        ("x${A}y${A}", "xoneyone"),
        ("${NONE:-two}", "two"),
        ("${EMPTY:-two}", "two"),
        ("${EMPTY}", ""),
        ("${A:-two}", "one"),
        ("${NONE:-}", ""),
        ("$${A}", "${A}"),
        ("$$$$", "$$"),
        ("$A costs $", "$A costs $"),
        ("${NESTED}", "${A}"),
    ],
)
def test_filled(text: str, filled: str) -> None:
    assert Environment({"A": "one", "EMPTY": "", "NESTED": "${A}"}).fill(text) == filled


@pytest.mark.parametrize("text", ["${", "${}", "${A", "${1A}", "${A-b}", "${A:b}", "${A:-${B}}", "${ A }", "${É}"])
def test_what_begins_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="has a reference that is not"):
        Environment({"A": "one"}).fill(text)


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(ValueError, match="needs the environment variable B, which is not set"):
        Environment({"A": "one"}).fill("${B}")


def test_a_variable_that_is_not_utf8_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match="is not UTF-8") as caught:
        Environment({"A": "hunter2\udcff"}).fill("${A}")
    assert "hunter2" not in str(caught.value)


def test_one_budget_for_all() -> None:
    environment = Environment({"A": "x" * (CHARACTERS // 2)})
    environment.fill("${A}${A}")
    with pytest.raises(ValueError, match="more than"):
        environment.fill("${A}")


@given(st.text(), st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_is_filled_or_refused(text: str, value: str) -> None:
    try:
        filled = Environment({"A": value}).fill(text + " ${A}")
    except ValueError:
        return
    assert filled.endswith(value)
