"""Wedged, slow, or only out of luck."""

import pytest

from bus.kafka.stalls import StallGuard
from bus.kafka.watchdog import Watchdog

DOG = Watchdog(delivery_timeout_s=30.0, grace_s=5.0)


@pytest.mark.parametrize(
    ("oldest_s", "succeeded_s", "is_wedged"),
    [
        (0, 0, False),
        (34, 34, False),
        (36, 36, True),
        (36, 0, True),
        (1, 69, False),
        (1, 71, True),
    ],
)
def test_a_producer_is_wedged_when_it_stops_answering_or_succeeding(
    oldest_s: float, succeeded_s: float, *, is_wedged: bool
) -> None:
    """A sound one answers within its delivery timeout, be it with an error."""
    verdict = DOG.verdict(1000.0, 1000.0 - oldest_s, 1000.0 - succeeded_s)

    assert (verdict is not None) == is_wedged


def test_a_stall_is_suspected_only_after_a_while_without_records() -> None:
    """Records, and the proof that there were none to come, start the time anew."""
    guard = StallGuard(10.0)
    guard.moved(100.0)

    assert not guard.is_due(109.0)
    assert guard.is_due(110.0)
    guard.moved(110.0)
    assert not guard.is_due(119.0)


def test_the_harder_remedy_comes_second() -> None:
    """Subscribing anew first; building anew if that was of no use; then from the start."""
    guard = StallGuard(10.0)

    assert [guard.stalled(now) for now in (10.0, 20.0, 30.0, 40.0)] == [False, True, False, True]
    guard.moved(50.0)
    assert not guard.stalled(60.0)
