from __future__ import annotations

import pytest

from ostiary.authorize.roles import AnyRole
from ostiary.decision.reason import ACCESS_DENIED
from tests.support.callers import identity


@pytest.mark.parametrize("held", [["editor"], ["reader", "admin"], "admin"])
def test_one_accepted_role_suffices(held: object) -> None:
    assert AnyRole(["admin", "editor"]).authorize(identity(roles=held)) is None


@pytest.mark.parametrize("held", [[], None, ["reader"], ["ADMIN"], ["admin,editor"], "admin editor", ["admins"]])
def test_without_one_the_caller_is_denied(held: object) -> None:
    refusal = AnyRole(["admin", "editor"]).authorize(identity(roles=held))
    assert refusal is not None
    assert refusal.reason == ACCESS_DENIED


@pytest.mark.parametrize("held", [[], ["admin"]])
def test_an_empty_list_accepts_nobody(held: list[str]) -> None:
    assert AnyRole([]).authorize(identity(roles=held)) is not None
