"""Waits grow, stay within bounds, and begin anew after a success."""

from hypothesis import given
from hypothesis import strategies as st

from bus.backoff import Backoff, BackoffPolicy

CHANCE = st.floats(0, 1, exclude_max=True)


@given(st.integers(0, 10_000), CHANCE, st.floats(0.001, 10), st.floats(10, 1000))
def test_a_wait_is_never_longer_than_the_longest(
    attempt: int, chance: float, first_s: float, longest_s: float
) -> None:
    """Nor shorter than half of what it would be without chance."""
    delay_s = BackoffPolicy(first_s, longest_s).delay_s(attempt, chance)

    whole = min(longest_s, first_s * 2.0 ** min(attempt, 64))
    assert whole / 2 <= delay_s <= whole


@given(CHANCE, st.integers(0, 100))
def test_waits_never_shrink_while_failures_go_on(chance: float, attempt: int) -> None:
    """With the same luck."""
    policy = BackoffPolicy()

    assert policy.delay_s(attempt, chance) <= policy.delay_s(attempt + 1, chance)


def test_a_success_makes_waits_short_again() -> None:
    """The next failure is a new one."""
    backoff = Backoff(BackoffPolicy(1.0, 8.0), chance=lambda: 0.0)

    waits = [backoff.failed(100.0) - 100.0 for _ in range(5)]
    backoff.succeeded()

    assert waits == [1.0, 2.0, 4.0, 8.0, 8.0]
    assert backoff.failed(7.0) == 8.0
