from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ostiary.config.model import Retries
from ostiary.proxy.retry_budget import RetryBudget


def spent(budget: RetryBudget, answered: int, mono: float) -> int:
    """How many repetitions the budget still gives at that time."""
    count = 0
    while count < 100_000 and budget.spend(answered, mono):
        count += 1
    return count


def test_without_traffic_there_is_what_ten_seconds_save() -> None:
    assert spent(RetryBudget(Retries(), 0.0), 0, 0.0) == 100


def test_what_was_spent_comes_back_by_the_second() -> None:
    budget = RetryBudget(Retries(), 0.0)
    spent(budget, 0, 0.0)
    assert spent(budget, 0, 0.5) == 5
    assert spent(budget, 0, 1000.0) == 100


def test_a_share_of_the_answers_is_added() -> None:
    budget = RetryBudget(Retries(share=0.2, per_second=0), 0.0)
    assert spent(budget, 0, 0.0) == 0
    assert spent(budget, 1000, 10.0) == 200
    assert spent(budget, 1000, 10.5) == 10
    assert spent(budget, 1000, 20.0) == 0


def test_no_budget_no_repetition() -> None:
    assert spent(RetryBudget(Retries(share=0.0, per_second=0), 0.0), 10**9, 1e6) == 0


@given(
    st.floats(0, 1),
    st.integers(0, 50),
    st.lists(st.tuples(st.floats(0, 100), st.integers(0, 5000), st.integers(0, 500)), max_size=30),
)
def test_repetitions_never_exceed_what_was_saved_and_earned(
    share: float, per_second: int, steps: list[tuple[float, int, int]]
) -> None:
    budget = RetryBudget(Retries(share=share, per_second=per_second), 0.0)
    mono, answered, fastest, repeated = 0.0, 0, 0.0, 0
    for passed, more, wanted in steps:
        mono += passed
        answered += more
        fastest = max(fastest, more / passed if passed >= 1.0 else answered)
        repeated += sum(budget.spend(answered, mono) for _ in range(wanted))
    assert repeated <= (per_second + share * fastest) * (mono + 10.0) + 1e-6
