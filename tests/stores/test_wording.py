from __future__ import annotations

import pytest
from redis import exceptions as errors

from ostiary.stores import direct, library, wording


@pytest.mark.parametrize(
    "code, error",
    [
        ("NOSCRIPT", errors.NoScriptError),
        ("NOAUTH", errors.AuthenticationError),
        ("WRONGPASS", errors.AuthenticationError),
        ("NOPERM", errors.NoPermissionError),
        ("MOVED", lambda _: errors.MovedError("1 host:1")),
        ("READONLY", errors.ReadOnlyError),
        ("LOADING", errors.BusyLoadingError),
        ("OOM", errors.OutOfMemoryError),
        ("CLUSTERDOWN", lambda _: errors.ClusterDownError("x")),
        ("TRYAGAIN", lambda _: errors.TryAgainError("x")),
        *((code, errors.ResponseError) for code in wording.PASSING if code != "LOADING"),
        ("ERR", errors.ResponseError),
    ],
)
def test_the_same_is_told_whichever_way_a_store_was_reached(code: str, error: type[Exception]) -> None:
    one, other = direct._meaning(f"{code} details"), library._meaning(error(f"{code} details"))
    assert type(one) is type(other)
    assert str(one) == str(other)
