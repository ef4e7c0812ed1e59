from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.config.model import Tiers
from ostiary.limit.tiers import ANONYMOUS, TierTable

DEFAULT = TierTable(Tiers())
NAMES = ("anonymous", "free", "premium", "enterprise")


def test_a_claim_names_a_tier_or_means_the_lowest() -> None:
    assert DEFAULT.of_claim("enterprise") == "enterprise"
    assert DEFAULT.of_claim("platinum") == "free"
    assert DEFAULT.of_claim("") == "free"
    assert DEFAULT.of_claim(None) == "free"


@pytest.mark.parametrize("claim", ["anonymous", "ENTERPRISE", " enterprise", "enterprise\x00"])
def test_nothing_but_the_exact_value_counts(claim: str) -> None:
    assert DEFAULT.of_claim(claim) == "free"


def test_values_may_be_mapped() -> None:
    table = TierTable(Tiers(values={"gold": "premium", "free": "enterprise", "lead": "nonsense"}))
    assert table.of_claim("gold") == "premium"
    assert table.of_claim("free") == "enterprise"
    assert table.of_claim("lead") == "free"


def test_only_the_configured_tiers_exist() -> None:
    table = TierTable(Tiers(names=("bronze", "silver")))
    assert table.names == ("anonymous", "bronze", "silver")
    assert table.of_claim("enterprise") == "bronze"


def test_a_tier_without_a_bucket_takes_the_nearest_lower_one() -> None:
    assert DEFAULT.nearest({"anonymous": 1, "premium": 3}) == {
        "anonymous": 1,
        "free": 1,
        "premium": 3,
        "enterprise": 3,
    }


def test_below_the_lowest_bucket_there_is_none_but_that() -> None:
    assert DEFAULT.nearest({"premium": 3}) == dict.fromkeys(NAMES, 3)


@given(st.dictionaries(st.sampled_from(NAMES), st.integers(), min_size=1))
def test_every_tier_has_a_bucket_and_none_a_higher_one_than_it_must(listed: dict[str, int]) -> None:
    table = DEFAULT.nearest(listed)
    assert table.keys() == set(NAMES)
    for place, name in enumerate(NAMES):
        lower = [listed[other] for other in NAMES[: place + 1] if other in listed]
        assert table[name] == (lower[-1] if lower else next(listed[other] for other in NAMES if other in listed))


def test_what_is_no_tier_is_refused() -> None:
    with pytest.raises(ValueError, match="not a tier: gold"):
        DEFAULT.nearest({"gold": 1})
    with pytest.raises(ValueError, match="no tier has a bucket"):
        DEFAULT.nearest({})


def test_anonymous_is_below_all_others_even_if_it_is_listed_elsewhere() -> None:
    table = TierTable(Tiers(names=("free", "anonymous")))
    assert table.names == (ANONYMOUS, "free")
    assert table.of_claim(None) == "free"
