from __future__ import annotations

import re

import pytest

from ostiary.observe.families import ALL, Family, Kind


def test_names_are_unique() -> None:
    assert len({family.name for family in ALL}) == len(ALL)


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_a_family_is_named_as_prometheus_advises(family: Family) -> None:
    assert re.fullmatch(r"ostiary_[a-z_]+", family.name)
    assert family.name.endswith("_total") is (family.kind is Kind.COUNTER)
    assert family.help.endswith(".")
    assert bool(family.bounds) is (family.kind is Kind.HISTOGRAM)
    assert list(family.bounds) == sorted(set(family.bounds))


def test_nothing_that_a_caller_chooses_is_a_label() -> None:
    labels = {label for family in ALL for label in family.labels}
    assert labels == {
        "route", "outcome", "code", "reason", "limit", "tier", "result", "upstream", "kind", "issuer", "log", "event",
        "where", "state", "version",
    }  # fmt: skip
