from __future__ import annotations

import re
from pathlib import Path

import pytest

from ostiary.observe.access_log import AccessRecord
from ostiary.observe.families import ALL, Family, Kind
from ostiary.observe.security_log import ALL as EVENTS


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
        "where", "state", "version", "target", "certificate",
    }  # fmt: skip


def test_the_operations_page_tells_of_every_metric_and_event() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    missing = [family.name for family in ALL if f"| `{family.name}` |" not in page or family.help not in page]
    missing += [event.name for event in EVENTS if f"| `{event.name}` | {event.severity} |" not in page]
    missing += [name for name in AccessRecord.__struct_fields__ if f"`{name}`" not in page]
    assert missing == []
