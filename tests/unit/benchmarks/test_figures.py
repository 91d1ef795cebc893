import pytest

from benchmarks.figures import Spread, beyond, compare, spread
from benchmarks.rounds import interleaved, turns


def test_spread_is_median_least_and_most() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


def test_nothing_measured_is_an_error_and_no_zero() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        spread([])


def test_ratios_are_made_round_by_round() -> None:
    """A machine that slows down by half between two rounds must not change the ratio."""
    figure = compare("case", "throughput", "1/s", [50.0, 100.0], [100.0, 200.0])

    assert figure.ratio == Spread(0.5, 0.5, 0.5)
    assert figure.ours == Spread(75.0, 50.0, 100.0)


def test_values_of_different_rounds_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="shorter"):
        compare("case", "throughput", "1/s", [1.0, 2.0], [1.0])


def test_against_a_baseline_of_nothing_there_is_no_ratio() -> None:
    figure = compare("case", "backlog", "entries", [1.0], [0.0])

    assert figure.ratio is None


def test_no_contender_always_goes_first() -> None:
    order = list(turns(["a", "b", "c"], 3))

    assert [name for _, name in order] == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]


def test_each_round_measures_each_contender_once() -> None:
    said: list[str] = []

    done = interleaved(["a", "b"], 2, str.upper, said.append)

    assert done == {"a": ["A", "A"], "b": ["B", "B"]}
    assert said[0] == "round 1 of 2, a"


def test_what_lies_beyond_a_baseline_is_told_round_by_round() -> None:
    figure = beyond("case", "p99 beyond bare", "ms", [12.0, 31.0], [10.0, 30.0], aim="≤ 15 ms")

    assert figure.ours == Spread(1.5, 1.0, 2.0)
    assert (figure.baseline, figure.ratio) == (None, None)
