"""A plan is decided by its seed, exact in its shares, and lazy."""

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferbus.simulate.plan import REORDER_SPAN, Plan, _random, choose, make_jobs, make_sendings
from inferbus.simulate.shapes import BY_NAME, FAILED

shares = st.floats(0, 1)
plans = st.builds(
    Plan,
    jobs=st.integers(1, 300),
    seed=st.integers(0, 2**32),
    fail_ratio=shares,
    duplicates=shares,
    is_reordered=st.booleans(),
)


@given(plans)
def test_every_job_is_sent_once_and_the_chosen_ones_twice(plan: Plan) -> None:
    """Nothing is left out by reordering; the share of duplicates is exact."""
    sent = list(make_sendings(plan))

    firsts = [sending.job.number for sending in sent if not sending.is_duplicate]
    repeats = [sending.job.number for sending in sent if sending.is_duplicate]
    assert sorted(firsts) == list(range(plan.jobs))
    assert len(set(repeats)) == len(repeats) == round(plan.jobs * plan.duplicates)
    assert len(sent) == plan.sendings


@given(plans)
def test_jobs_are_distinct_and_the_share_of_failures_exact(plan: Plan) -> None:
    """N distinct jobs, of which exactly the asked share has failed."""
    jobs = list(make_jobs(plan))

    failing = {shape.name for shape in FAILED}
    assert len({job.request_id for job in jobs}) == plan.jobs
    assert sum(job.shape in failing for job in jobs) == round(plan.jobs * plan.fail_ratio)


@given(plans)
def test_a_seed_decides_everything(plan: Plan) -> None:
    """The same plan twice is the same deliveries."""
    assert list(make_sendings(plan)) == list(make_sendings(plan))


def test_another_seed_makes_other_ids() -> None:
    """Two runs without a chosen seed share no request id."""
    first = {job.request_id for job in make_jobs(Plan(200, seed=1))}

    assert first.isdisjoint(job.request_id for job in make_jobs(Plan(200, seed=2)))


def test_more_duplicates_do_not_change_the_jobs() -> None:
    """Each purpose draws from a random stream of its own."""
    jobs = [sending.job for sending in make_sendings(Plan(50, 3))]

    repeated = make_sendings(Plan(50, 3, duplicates=1.0))
    assert [sending.job for sending in repeated if not sending.is_duplicate] == jobs


def test_a_hundred_jobs_hold_every_shape() -> None:
    """Rare shapes are played first, so that none is missed."""
    assert {job.shape for job in make_jobs(Plan(100, 1, fail_ratio=0.2))} == set(BY_NAME)


def test_without_reordering_first_deliveries_keep_their_order() -> None:
    """Only duplicates move."""
    sent = make_sendings(Plan(100, 1, duplicates=0.5))

    assert [s.job.number for s in sent if not s.is_duplicate] == list(range(100))


def test_reordering_moves_deliveries_a_bounded_way() -> None:
    """Some come late, none by more than the span."""
    numbers = [s.job.number for s in make_sendings(Plan(500, 1, is_reordered=True))]

    assert numbers != sorted(numbers)
    assert all(number - place <= REORDER_SPAN for place, number in enumerate(numbers))


def test_some_duplicates_follow_at_once_and_some_much_later() -> None:
    """The first kind is in flight beside its first delivery, the second long after it."""
    place: dict[int, int] = {}
    gaps = Counter()
    for at, sending in enumerate(make_sendings(Plan(500, 1, duplicates=0.4))):
        if sending.is_duplicate:
            gaps["at once" if at - place[sending.job.number] == 1 else "later"] += 1
        place.setdefault(sending.job.number, at)

    assert min(gaps["at once"], gaps["later"]) > 50


def test_a_plan_is_made_as_it_is_asked_for() -> None:
    """A billion jobs begin at once and take no memory."""
    assert len(list(islice(make_sendings(Plan(10**9, 1, 0.1, 0.1)), 5))) == 5


@pytest.mark.parametrize(("share", "wanted"), [(0.0, 0), (1.0, 40), (0.25, 10)])
def test_choosing_is_exact(share: float, wanted: int) -> None:
    """A share is met to the rounding, not on average."""
    assert sum(choose(_random(1, "x"), 40, share)) == wanted
