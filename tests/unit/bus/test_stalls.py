"""When a consumer counts as stalled."""

from bus.kafka.stalls import StallGuard


def test_nothing_is_checked_before_its_time() -> None:
    guard = StallGuard(10.0)
    guard.moved(5.0)

    assert not guard.is_due(14.9)
    assert guard.is_due(15.0)


def test_being_behind_once_is_no_stall() -> None:
    """Records that came just after an empty poll are behind without any stall."""
    guard = StallGuard(10.0)
    guard.moved(0.0)

    assert not guard.is_confirmed()
    assert guard.is_due(11.0)  # the next empty poll looks again at once
    guard.moved(11.0)

    assert not guard.is_confirmed()


def test_being_behind_twice_is_a_stall_and_the_milder_remedy_comes_first() -> None:
    guard = StallGuard(10.0)
    guard.moved(0.0)
    guard.is_confirmed()

    assert guard.is_confirmed()
    assert not guard.stalled(12.0)

    assert not guard.is_due(13.0)
    assert not guard.is_confirmed()
    assert guard.is_confirmed()
    assert guard.stalled(24.0)
