"""What `make test` says of tests it could not run."""

from tests.support.left_out import left_out


def test_a_full_run_says_so() -> None:
    """Nobody has to wonder whether something was skipped in silence."""
    assert left_out([]) == "nothing was left out"


def test_each_reason_is_said_once_with_its_count() -> None:
    """One line, the most frequent reason first."""
    reasons = ["Skipped: no java", "Skipped: no engine", "Skipped: no java"]

    assert left_out(reasons) == "left out: 2 (no java), 1 (no engine)"
