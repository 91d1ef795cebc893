"""A flood of poison stops the worker; a few odd records do not."""

import pytest

from bus.fuse import DeadLetterFuse, FuseBlownError, FuseLimits

LIMITS = FuseLimits(window=10, share=0.5, per_minute=8)


def park(fuse: DeadLetterFuse, count: int, now: float = 0.0) -> None:
    for _ in range(count):
        fuse.check(now)
        fuse.parked(now)


def test_a_few_odd_records_pass() -> None:
    """One in ten, for ever."""
    fuse = DeadLetterFuse(LIMITS)

    for hour in range(100):
        fuse.handled(9)
        park(fuse, 1, now=hour * 3600.0)

    fuse.check(now=1e9)


def test_more_than_half_of_the_recent_records_is_too_many() -> None:
    """However slowly they come."""
    fuse = DeadLetterFuse(LIMITS)
    fuse.handled(4)
    for minute in range(6):
        park(fuse, 1, now=minute * 100.0)

    with pytest.raises(FuseBlownError, match="6 of the last 10"):
        fuse.check(now=1000.0)


def test_a_short_history_is_no_evidence() -> None:
    """Two odd records at the start are two odd records."""
    fuse = DeadLetterFuse(LIMITS)

    park(fuse, 7)

    fuse.check(now=0.0)


def test_too_many_within_a_minute_are_too_many() -> None:
    """However many others were handled; a minute later it is forgiven."""
    fuse = DeadLetterFuse(LIMITS)
    for _ in range(8):
        fuse.handled(10)
        park(fuse, 1, now=30.0)

    with pytest.raises(FuseBlownError, match="within a minute"):
        fuse.check(now=89.0)
    fuse.handled(10)
    fuse.check(now=91.0)
