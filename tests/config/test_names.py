from __future__ import annotations

import pytest

from ostiary.config.names import Names, unknown


def test_names_of_a_document_of_any_shape() -> None:
    names = Names.of({"issuers": {"a": 1}, "upstreams": [], "limits": None})
    assert names == (frozenset({"a"}), frozenset(), frozenset())


@pytest.mark.parametrize(
    "known,hint",
    [
        (["orders", "users"], "did you mean orders?"),
        (["b", "a"], "there are: a, b"),
        ([], "there is no upstream at all"),
        ([f"orders{n}" for n in range(1000)], ""),
    ],
)
def test_a_reference_that_leads_nowhere(known: list[str], hint: str) -> None:
    assert unknown(("a",), "oders", known, "upstream") == (("a",), "names no upstream", hint, ())
