from __future__ import annotations

from ostiary.config.model import Circuit
from ostiary.proxy.breaker import CircuitBreaker, State


def opened(**circuit: float) -> CircuitBreaker:
    """A circuit that opened at 100 s."""
    breaker = CircuitBreaker(Circuit.model_validate(circuit))
    while not breaker.failed(100.0, 100.0, probe=False):
        pass
    return breaker


def test_the_documented_defaults() -> None:
    circuit = Circuit()
    assert (circuit.failures, circuit.recover_after, circuit.probes) == (5, 30.0, 2)


def test_it_opens_after_failures_in_a_row() -> None:
    breaker = CircuitBreaker(Circuit())
    for _ in range(4):
        assert not breaker.failed(0.0, 0.0, probe=False)
    breaker.succeeded(0.0, probe=False)
    assert [breaker.failed(0.0, 0.0, probe=False) for _ in range(5)] == [False] * 4 + [True]
    assert breaker.state is State.OPEN


def test_without_a_number_it_never_opens() -> None:
    breaker = CircuitBreaker(Circuit(failures=0))
    assert not any(breaker.failed(0.0, 0.0, probe=False) for _ in range(1000))
    assert breaker.admits(0.0)


def test_open_it_lets_nothing_through_and_says_until_when() -> None:
    breaker = opened()
    assert not breaker.admits(129.9)
    assert [breaker.retry_after(mono) for mono in (100.0, 100.5, 129.9, 200.0)] == [30, 30, 1, 1]


def test_half_open_it_lets_as_many_through_as_there_are_probes() -> None:
    breaker = opened()
    assert [breaker.admits(130.0) for _ in range(4)] == [True, True, False, False]
    assert breaker.state is State.HALF_OPEN
    assert breaker.retry_after(130.0) == 1


def test_probes_that_end_well_close_it() -> None:
    breaker = opened()
    assert breaker.admits(130.0)
    breaker.succeeded(131.0, probe=True)
    states = [breaker.state]
    assert [breaker.admits(131.0) for _ in range(2)] == [True, False]
    breaker.succeeded(131.0, probe=True)
    states.append(breaker.state)
    assert states == [State.HALF_OPEN, State.CLOSED]
    assert not breaker.failed(132.0, 132.0, probe=False)


def test_a_probe_that_fails_opens_it_again() -> None:
    breaker = opened()
    assert breaker.admits(130.0)
    assert breaker.admits(130.0)
    assert breaker.failed(131.0, 131.0, probe=True)
    assert not breaker.admits(160.9)
    assert breaker.admits(161.0)


def test_a_probe_whose_client_left_makes_room_for_another() -> None:
    breaker = opened(probes=1)
    assert [breaker.admits(130.0) for _ in range(2)] == [True, False]
    breaker.abandoned()
    assert breaker.admits(130.0)


def test_what_was_let_through_before_it_opened_says_nothing() -> None:
    breaker = opened()
    breaker.succeeded(131.0, probe=False)
    assert not breaker.failed(129.0, 129.0, probe=False)
    states = [breaker.state]
    assert breaker.admits(130.0)
    assert not breaker.failed(130.0, 130.0, probe=False)
    for probe in (False, True):
        breaker.succeeded(131.0, probe=probe)
        states.append(breaker.state)
    assert states == [State.OPEN, State.HALF_OPEN, State.HALF_OPEN]


def test_a_probe_of_an_earlier_time_changes_no_count() -> None:
    breaker = opened(probes=1)
    assert breaker.admits(130.0)
    assert breaker.failed(130.0, 130.0, probe=True)
    breaker.abandoned()
    assert breaker.admits(160.0)
    assert not breaker.admits(160.0)


def test_requests_older_than_the_last_good_answer_open_nothing() -> None:
    breaker = CircuitBreaker(Circuit())
    breaker.succeeded(20.0, probe=False)
    assert not any(breaker.failed(10.0, 40.0, probe=False) for _ in range(100))
    assert breaker.row.failures == 1
    assert [breaker.failed(20.0, 50.0, probe=False) for _ in range(4)] == [False] * 3 + [True]


def test_requests_older_than_the_last_good_answer_break_no_row() -> None:
    breaker = CircuitBreaker(Circuit())
    breaker.succeeded(20.0, probe=False)
    found = [breaker.failed(since, 50.0, probe=False) for since in (21.0, 22.0, 10.0, 23.0, 10.0, 24.0, 25.0)]
    assert found == [False] * 6 + [True]
