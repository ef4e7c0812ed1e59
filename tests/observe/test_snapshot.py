from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ostiary.observe.families import CLIENT_CONNECTIONS, DECISION_SECONDS, ISSUER_KEY_AGE, ISSUER_KEYS, REQUESTS
from ostiary.observe.snapshot import Distribution, Snapshot, lasting, merge

ONE = Snapshot(
    {
        REQUESTS.name: {("a", "allowed", "2xx"): 3},
        CLIENT_CONNECTIONS.name: {(): 2},
        ISSUER_KEY_AGE.name: {("main",): 10.0},
        ISSUER_KEYS.name: {("main",): 2},
    },
    {DECISION_SECONDS.name: Distribution([1, 2], 0.5)},
)
OTHER = Snapshot(
    {
        REQUESTS.name: {("a", "allowed", "2xx"): 4, ("b", "refused", "4xx"): 1},
        CLIENT_CONNECTIONS.name: {(): 5},
        ISSUER_KEY_AGE.name: {("main",): 4.0},
        ISSUER_KEYS.name: {("main",): 1},
    },
    {DECISION_SECONDS.name: Distribution([10, 20], 5.0)},
)


def test_each_metric_adds_up_by_its_own_rule() -> None:
    merged = merge((ONE, OTHER))
    assert merged.values == {
        REQUESTS.name: {("a", "allowed", "2xx"): 7, ("b", "refused", "4xx"): 1},
        CLIENT_CONNECTIONS.name: {(): 7},
        ISSUER_KEY_AGE.name: {("main",): 10.0},
        ISSUER_KEYS.name: {("main",): 1},
    }
    assert merged.distributions == {DECISION_SECONDS.name: Distribution([11, 22], 5.5)}


def test_merging_changes_none_of_its_arguments() -> None:
    before = msgspec.msgpack.encode((ONE, OTHER))
    merge((ONE, OTHER, ONE))
    assert msgspec.msgpack.encode((ONE, OTHER)) == before


def test_a_dead_worker_leaves_what_it_counted_and_nothing_of_what_it_held() -> None:
    assert lasting(ONE) == Snapshot({REQUESTS.name: {("a", "allowed", "2xx"): 3}}, ONE.distributions)


def test_a_snapshot_survives_the_channel() -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(ONE), type=Snapshot) == ONE


@given(st.lists(st.lists(st.integers(0, 1000), min_size=2, max_size=2), min_size=1, max_size=6))
def test_a_total_does_not_depend_on_who_dies_when(counts: list[list[int]]) -> None:
    snapshots = [
        Snapshot({REQUESTS.name: {("a", "allowed", "2xx"): count[0]}}, {DECISION_SECONDS.name: Distribution(count, 0)})
        for count in counts
    ]
    retired = Snapshot()
    for snapshot in snapshots:
        retired = merge((retired, lasting(snapshot)))
    assert retired == merge(snapshots)
