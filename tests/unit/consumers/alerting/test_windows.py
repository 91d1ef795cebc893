"""Buckets, windows and periods, against a model that counts events one by one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.alerting.windows import EPOCH, Verdict, Window, judge
from tests.support.strategies import moments

windows = st.builds(
    lambda buckets, bucket_s: Window(buckets * bucket_s, bucket_s),
    st.integers(1, 6),
    st.integers(1, 7),
)
seconds = st.lists(st.integers(-60, 200), max_size=25)


def _counts(window: Window, offsets: list[int]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for offset in offsets:
        bucket = window.bucket_of(EPOCH + timedelta(seconds=offset))
        counts[bucket] = counts.get(bucket, 0) + 1
    return counts


def _by_hand(window: Window, offsets: list[int], period: int, threshold: int) -> Verdict | None:
    """Slide a window over every bucket of the period and count the events within it."""
    found: list[tuple[int, int]] = []
    for last in range(period * window.buckets, (period + 1) * window.buckets):
        starts, ends = window.bounds(last)
        within = sum(starts <= EPOCH + timedelta(seconds=at) < ends for at in offsets)
        ends_with_event = any(
            window.bucket_of(EPOCH + timedelta(seconds=at)) == last for at in offsets
        )
        if within >= threshold and ends_with_event:
            found.append((within, last))
    if not found:
        return None
    value = max(within for within, _ in found)
    fullest = min(last for within, last in found if within == value)
    return Verdict(value, fullest, max(last for _, last in found))


@given(windows, seconds, st.integers(1, 5))
def test_verdicts_are_those_of_counting_by_hand(
    window: Window, offsets: list[int], threshold: int
) -> None:
    """Every period gets the verdict that sliding over the events themselves gives."""
    counts = _counts(window, offsets)
    periods = {window.period_of(bucket) for bucket in range(-70, 210)}

    for period in periods:
        assert judge(counts, window, period, threshold) == _by_hand(
            window, offsets, period, threshold
        )


@given(windows, seconds, st.integers(1, 5))
def test_no_window_over_the_threshold_is_missed(
    window: Window, offsets: list[int], threshold: int
) -> None:
    """Windows that end with an empty bucket need no look: another one holds as many events."""
    counts = _counts(window, offsets)
    anywhere = any(
        sum(counts.get(b, 0) for b in range(last - window.buckets + 1, last + 1)) >= threshold
        for last in range(-80, 220)
    )

    verdicts = [judge(counts, window, period, threshold) for period in range(-80, 220)]

    assert any(verdicts) == anywhere


@given(windows, seconds.filter(bool), st.integers(1, 5))
def test_only_touched_periods_can_change(
    window: Window, offsets: list[int], threshold: int
) -> None:
    """The periods that are judged again after an event are all whose verdict it changes."""
    before, after = _counts(window, offsets[1:]), _counts(window, offsets)
    bucket = window.bucket_of(EPOCH + timedelta(seconds=offsets[0]))

    changed = {
        period
        for period in range(-80, 220)
        if judge(before, window, period, threshold) != judge(after, window, period, threshold)
    }

    assert changed <= window.periods_touched([bucket])


@given(windows, seconds, st.integers(1, 5), st.integers(-10, 10))
def test_the_judged_buckets_suffice(
    window: Window, offsets: list[int], threshold: int, period: int
) -> None:
    """Counts outside `buckets_judged` make no difference to the period's verdict."""
    counts = _counts(window, offsets)
    needed = {b: n for b, n in counts.items() if b in window.buckets_judged(period)}

    assert judge(needed, window, period, threshold) == judge(counts, window, period, threshold)


@given(windows, moments)
def test_a_moment_lies_in_the_window_its_bucket_ends(window: Window, moment: datetime) -> None:
    """Start is within, end is not; the last bucket of a window holds its last seconds."""
    starts_at, ends_at = window.bounds(window.bucket_of(moment))

    assert starts_at <= moment < ends_at
    assert ends_at - moment <= timedelta(seconds=window.bucket_s)
    assert ends_at - starts_at == timedelta(seconds=window.length_s)


def test_a_period_ends_with_the_last_of_its_buckets() -> None:
    """Periods are aligned to the clock: five minutes end at :00, :05 and so on."""
    window = Window(300, 30)
    moment = datetime(2026, 11, 24, 12, 3, 59, tzinfo=UTC)

    period = window.period_of(window.bucket_of(moment))

    assert window.period_ends_at(period) == datetime(2026, 11, 24, 12, 5, tzinfo=UTC)


@pytest.mark.parametrize(("length_s", "bucket_s"), [(300, 0), (0, 30), (100, 30), (30, 60)])
def test_a_window_is_a_whole_number_of_buckets(length_s: int, bucket_s: int) -> None:
    """Anything else would count some events in no window."""
    with pytest.raises(ValueError, match="whole number"):
        Window(length_s, bucket_s)
