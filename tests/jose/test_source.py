from __future__ import annotations

from math import inf
from typing import get_args

from ostiary.decision.reason import IDENTITY_PROVIDER_UNAVAILABLE
from ostiary.jose.algorithms import ALGORITHMS
from ostiary.jose.jwk import public_key
from ostiary.jose.key import KeySet
from ostiary.jose.source import FixedKeys, KeyEventKind, KeyStatus, unavailable
from ostiary.observe.security_log import OF_KEY_EVENT
from tests.support.tokens import key


async def test_fixed_keys_are_always_there() -> None:
    only = public_key(key("ES256").jwk, list(ALGORITHMS))
    source = FixedKeys(KeySet([only]))
    await source.start()
    for mono in (0.0, 1e12):
        assert source.known("ES256", "ES256", mono) == (only,)
        assert await source.find("other", "ES256", mono) == ()
        assert source.status(mono) == KeyStatus(ready=True, keys=1, age=0.0, stale=False, failures=0, last_error="")
    assert only.usable_until == inf
    await source.close()


def test_a_caller_is_asked_back_in_whole_seconds_and_not_at_once() -> None:
    refusals = [unavailable(seconds).refusal for seconds in (-5.0, 0.0, 1.0, 1.1, 59.5)]
    assert [refusal.retry_after for refusal in refusals] == [1, 1, 1, 2, 60]
    assert {refusal.reason for refusal in refusals} == {IDENTITY_PROVIDER_UNAVAILABLE}


def test_whatever_happens_to_keys_is_a_security_event() -> None:
    assert set(get_args(KeyEventKind)) == OF_KEY_EVENT.keys()
