"""Who serves, and when an ended worker is started again."""

import pytest

from inferbus.workers.roster import MAX_START_TRIES, SILENT_AFTER_S, Report, Roster, Seat, ended_by
from tests.support.clock import Clock

OK = {"status": "ok", "reason": None}
FINE = Report(True, {"kafka": OK, "spool": OK})
AWAY = {"status": "degraded", "reason": "Kafka is away"}
NOT_DURABLE = Report(False, {"kafka": AWAY, "spool": {"status": "failing", "reason": "disk full"}})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def roster(clock: Clock) -> Roster:
    """Two workers; nobody has started yet."""
    return Roster(2, clock)


def test_a_service_is_ready_with_one_of_its_workers(roster: Roster, clock: Clock) -> None:
    """What the other lacks is named, and makes the service no less ready."""
    assert roster.report()[0] is False
    roster.seats[1].started(4711)
    roster.seats[1].reported(FINE, clock.now)

    is_ready, checks = roster.report()

    assert is_ready
    assert roster.serving == 1
    assert checks["worker 0"] == {"status": "degraded", "reason": "it starts", "pid": None}
    assert checks["worker 1"] == {"status": "ok", "reason": None, "pid": 4711}
    assert checks["kafka"] == OK


def test_a_check_that_fails_somewhere_names_the_worker(roster: Roster, clock: Clock) -> None:
    """It is degraded there, for the service can still do it."""
    roster.seats[0].reported(NOT_DURABLE, clock.now)
    roster.seats[1].reported(FINE, clock.now)

    is_ready, checks = roster.report()

    assert is_ready
    assert checks["spool"] == {"status": "degraded", "reason": "worker 0: disk full"}
    assert checks["worker 0"]["reason"] == "unready: spool"


def test_a_check_that_fails_everywhere_fails(roster: Roster, clock: Clock) -> None:
    """The same reason is said once."""
    for seat in roster.seats:
        seat.reported(NOT_DURABLE, clock.now)

    is_ready, checks = roster.report()

    assert not is_ready
    assert checks["spool"] == {"status": "failing", "reason": "workers 0, 1: disk full"}
    assert checks["kafka"] == {"status": "degraded", "reason": "workers 0, 1: Kafka is away"}
    assert checks["worker 0"]["status"] == "failing"


def test_a_silent_worker_does_not_serve(roster: Roster, clock: Clock) -> None:
    """It is frozen or stuck, whatever it said last."""
    roster.seats[0].reported(FINE, clock.now)
    clock.now += SILENT_AFTER_S + 1

    is_ready, checks = roster.report()

    assert not is_ready
    assert checks["worker 0"]["reason"] == "it has been silent for 4 s"


def test_a_stopping_service_is_unready_though_all_serve(roster: Roster, clock: Clock) -> None:
    """Load balancers learn it while connections are still served."""
    for seat in roster.seats:
        seat.reported(FINE, clock.now)
    roster.is_stopping = True

    is_ready, checks = roster.report()

    assert not is_ready
    assert checks["worker 1"]["reason"] == "stopping"


def test_an_ended_worker_says_nothing_any_more(roster: Roster, clock: Clock) -> None:
    """Its last report is not held against, or for, its replacement."""
    seat = roster.seats[0]
    seat.started(4711)
    seat.reported(FINE, clock.now)

    seat.ended(-9, clock.now)

    checks = roster.report()[1]
    assert checks["worker 0"] == {
        "status": "failing",
        "reason": "SIGKILL ended it, it is started again",
        "pid": None,
    }
    assert "kafka" not in checks


def test_a_worker_that_dies_again_and_again_waits_longer_and_longer() -> None:
    """Up to ten seconds; the first replacement comes at once."""
    seat, waits = Seat(0), []
    for _ in range(12):
        seat.reported(FINE, 0.0)
        waits.append(seat.ended(-11, 1.0) - 1.0)

    assert waits[0] <= 0.1
    assert 5.0 <= waits[-1] <= 10.0
    assert seat.has_started
    assert not seat.is_hopeless


@pytest.mark.parametrize(("status", "lived_s"), [(0, 1.0), (-9, 31.0)])
def test_a_worker_that_did_its_work_is_replaced_at_once(status: int, lived_s: float) -> None:
    """Told to end, or killed after a while: that says nothing about its replacement."""
    seat = Seat(0)
    for _ in range(5):
        seat.reported(FINE, 0.0)
        seat.ended(-11, 1.0)
    seat.reported(FINE, 10.0)

    assert seat.ended(status, 10.0 + lived_s) - (10.0 + lived_s) <= 0.1


def test_a_seat_where_nobody_ever_starts_is_hopeless() -> None:
    """Each try may be a chance; five are none."""
    seat = Seat(0)
    for _ in range(MAX_START_TRIES - 1):
        seat.ended(-11, 0.0)
    assert not seat.is_hopeless

    seat.ended(-11, 0.0)

    assert seat.is_hopeless


@pytest.mark.parametrize(
    ("status", "name"), [(0, "exit"), (2, "exit"), (-15, "SIGTERM"), (-250, "signal 250")]
)
def test_what_ended_a_process_has_a_name(status: int, name: str) -> None:
    """It is a label of a metric."""
    assert ended_by(status) == name
