"""Wedged, slow, or only out of luck."""

import pytest

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
