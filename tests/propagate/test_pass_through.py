from __future__ import annotations

from ostiary.propagate.pass_through import PassThrough
from tests.support.callers import identity


def test_the_token_stays_and_nothing_is_added() -> None:
    way = PassThrough()
    assert way.keeps_authorization
    assert way.render(identity(roles=["admin"], email="a@corp.com")) == b""
