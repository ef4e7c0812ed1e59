from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ostiary.config.stand_ins import meant, needed

if TYPE_CHECKING:
    from ostiary.config.problem import Path


@pytest.mark.parametrize(
    "path",
    [
        ("routes", 3, "name"),
        ("routes", 3, "match", "path"),
        ("routes", 3, "match", "methods"),
        ("issuers", "a", "issuer"),
        ("identity_headers", "user_id"),
    ],
)
def test_no_stand_in_is_equal_to_another(path: Path) -> None:
    others = [(path[0], other, *path[2:]) for other in (0, 13, "user_email") if isinstance(other, type(path[1]))]
    assert needed(path) is not None
    assert needed(path) not in [needed(other) for other in others]


@pytest.mark.parametrize(
    "path",
    [
        (),
        ("server",),
        ("identity_headers", "also_strip"),
        ("identity_headers", "not_known"),
        ("issuers", "keys"),
        ("limits", "tiers"),
        ("issuers", "a", "keys", "secret"),
    ],
)
def test_nothing_stands_in_where_nothing_is_needed(path: Path) -> None:
    assert needed(path) is None


def test_that_something_is_written_can_be_all_that_matters() -> None:
    assert meant(("issuers", "a", "keys", "secret")) is not None
    assert meant(("issuers", "a", "keys", "discovery")) is None
