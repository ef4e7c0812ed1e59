from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.authorize.scopes import AllScopes, AnyScope
from ostiary.decision.reason import INSUFFICIENT_SCOPE
from tests.support.callers import identity

NAMES = st.lists(st.sampled_from(["a", "b", "c", "d"]))


@given(needed=NAMES, held=NAMES)
def test_all_means_every_one_and_any_means_one_at_least(needed: list[str], held: list[str]) -> None:
    caller = identity(scope=" ".join(held))
    assert (AllScopes(needed).authorize(caller) is None) == (set(needed) <= set(held))
    assert (AnyScope(needed).authorize(caller) is None) == bool(set(needed) & set(held))


@pytest.mark.parametrize("rule", [AllScopes, AnyScope])
def test_a_refusal_says_what_would_have_sufficed(rule: type[AllScopes | AnyScope]) -> None:
    """RFC 6750 section 3.1, in the order of the configuration and each once."""
    refusal = rule(["write", "read", "write"]).authorize(identity(scope="other"))
    assert refusal is not None
    assert (refusal.reason, refusal.scope) == (INSUFFICIENT_SCOPE, "write read")


@pytest.mark.parametrize("held", ["orders", "orders:*", "ORDERS:READ", "orders:read:all", "xorders:read", "*"])
def test_a_scope_is_itself_and_nothing_like_it(held: str) -> None:
    assert AllScopes(["orders:read"]).authorize(identity(scope=held)) is not None
    assert AnyScope(["orders:read"]).authorize(identity(scope=held)) is not None
