from __future__ import annotations

import pytest

from ostiary.config.doubt import Doubt
from ostiary.config.problem import Finding, Path

DOUBT = Doubt({"a": {"b": [1, 2], "c": 3}, "more": {"d": 4}}, {("a", "b", 1), ("a", "x")}, {("more",)})


@pytest.mark.parametrize(
    "path,void",
    [
        ((), False),
        (("a",), False),
        (("a", "b"), False),
        (("a", "b", 0), False),
        (("a", "b", 1), True),
        (("a", "b", 1, "below"), True),
        (("a", "x"), True),
        (("a", "y"), False),
        (("more",), False),
        (("more", "d"), False),
        (("more", "e"), True),
        (("more", "e", "f"), True),
    ],
)
def test_a_finding_stands_on_its_value_whatever_is_wrong_within_it(path: Path, *, void: bool) -> None:
    assert DOUBT.at(path) is void
    assert DOUBT.voids(Finding(path, "m")) is void


@pytest.mark.parametrize(
    "path,void",
    [
        (("a", "b"), True),
        (("a", "b", 1), True),
        (("a", "b", 0), False),
        (("a", "c"), False),
        (("a", "x"), True),
        (("more",), True),
        (("more", "d"), False),
        (("more", "e"), True),
    ],
)
def test_a_finding_rests_on_all_that_is_in_other_values(path: Path, *, void: bool) -> None:
    assert DOUBT.voids(Finding(("a", "c"), "m", rests_on=(("a", "c"), path))) is void


def test_of_a_document_that_is_lost_nothing_stands() -> None:
    assert Doubt({}, {()}).voids(Finding(("a",), "m"))
