from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.config.core_schema import resolve


@pytest.mark.parametrize(
    "text,value",
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("0", 0),
        ("-12", -12),
        ("+7", 7),
        ("0.5", 0.5),
        ("1e3", 1000.0),
    ],
)
def test_core_schema(text: str, value: object) -> None:
    found = resolve(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "no",
        "on",
        "off",
        "y",
        "tRUE",
        "0x1F",
        "0o17",
        "1_000",
        "12:30",
        "1:2:3",
        ".inf",
        "-.INF",
        ".nan",
        ".5",
        "5.",
        *["2026-11-23", "9" * 19, "1e999", "\u0661", "<<", "=", "nULL"],
    ],
)
def test_what_readers_disagree_about_is_a_string(text: str) -> None:
    assert resolve(text) == text


@pytest.mark.parametrize("text", ["010", "00", "-07", "08"])
def test_leading_zeros_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="leading zero"):
        resolve(text)


@given(st.integers(-(10**18) + 1, 10**18 - 1))
def test_every_whole_number_is_itself(number: int) -> None:
    assert resolve(str(number)) == number
