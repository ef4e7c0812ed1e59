from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from ostiary.serve.health import HUNG_SECONDS, UNRESPONSIVE_SECONDS, health, hung, unresponsive
from ostiary.serve.messages import IssuerHealth, Status

if TYPE_CHECKING:
    from ostiary.serve.process import WorkerProcess

GOOD = IssuerHealth(True, 2, 10.0, False, 0, "")
STALE = IssuerHealth(True, 2, 400.0, True, 3, "timed out")
NONE = IssuerHealth(False, 0, math.inf, True, 9, "refused")
NOW = 1000.0


class Heard:
    """What health looks at of a worker: it spoke `ago` seconds ago."""

    def __init__(self, *issuers: IssuerHealth, ago: float = 0.0, ready: bool = True, store: bool = True) -> None:
        self.ready = ready
        self.heard = self.started = NOW - ago
        able = all(issuer.ready for issuer in issuers)
        self.status = Status(able, {str(n): issuer for n, issuer in enumerate(issuers)}, store) if ready else None


def workers(*heard: Heard) -> list[WorkerProcess]:
    return cast("list[WorkerProcess]", list(heard))


def test_all_is_well() -> None:
    state = health(workers(Heard(GOOD), Heard(GOOD)), 2, NOW, draining=False)
    assert (state.live, state.ready, state.store_healthy) == (True, True, True)
    assert (state.workers.configured, state.workers.ready, state.workers.unresponsive) == (2, 2, 0)


def test_one_worker_with_usable_keys_is_enough() -> None:
    state = health(workers(Heard(NONE), Heard(GOOD)), 2, NOW, draining=False)
    assert (state.ready, state.workers.ready) == (True, 1)


def test_without_usable_keys_it_is_alive_and_not_ready() -> None:
    state = health(workers(Heard(NONE)), 1, NOW, draining=False)
    assert (state.live, state.ready) == (True, False)


def test_while_draining_it_is_not_ready() -> None:
    assert not health(workers(Heard(GOOD)), 1, NOW, draining=True).ready


def test_an_issuer_is_as_well_as_where_it_is_worst() -> None:
    state = health(workers(Heard(GOOD, STALE), Heard(STALE, NONE)), 2, NOW, draining=False)
    assert state.issuers == {"0": STALE, "1": NONE}


def test_ages_are_told_to_a_tenth_of_a_second() -> None:
    told = IssuerHealth(True, 2, 41.68754, False, 0, "")
    state = health(workers(Heard(told, NONE)), 1, NOW, draining=False)
    assert [issuer.age for issuer in state.issuers.values()] == [41.7, math.inf]


def test_a_store_that_one_worker_does_not_reach_is_told() -> None:
    assert not health(workers(Heard(GOOD), Heard(GOOD, store=False)), 2, NOW, draining=False).store_healthy


def test_a_loop_blocked_for_two_seconds_changes_nothing() -> None:
    """Case FP6."""
    state = health(workers(Heard(GOOD, ago=2.0)), 1, NOW, draining=False)
    assert (state.live, state.ready, state.workers.unresponsive) == (True, True, 0)


def test_a_loop_blocked_for_long_is_not_counted_on_but_alive() -> None:
    blocked = Heard(GOOD, ago=UNRESPONSIVE_SECONDS)
    state = health(workers(blocked), 1, NOW, draining=False)
    assert (state.live, state.ready, state.workers.unresponsive) == (True, False, 1)
    (worker,) = workers(blocked)
    assert unresponsive(worker, NOW)
    assert not hung(worker, NOW)


def test_only_when_all_hang_is_it_not_alive() -> None:
    hanging = Heard(GOOD, ago=HUNG_SECONDS)
    assert not health(workers(hanging), 1, NOW, draining=False).live
    assert health(workers(hanging, Heard(GOOD)), 2, NOW, draining=False).live
    assert health([], 2, NOW, draining=False).live  # they are being started again


def test_a_worker_that_never_becomes_ready_hangs() -> None:
    early, late = workers(Heard(ready=False, ago=HUNG_SECONDS - 1), Heard(ready=False, ago=HUNG_SECONDS))
    assert not hung(early, NOW)
    assert hung(late, NOW)
