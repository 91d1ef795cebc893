"""Notifications under a lease."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Engine

from consumers.alerting.backoff import GIVE_UP_AFTER, MAX_DELAY_S, MAX_RETRY_AFTER_S, delay_s
from consumers.alerting.delivery import Delivery
from consumers.alerting.notifiers.base import NotifyError
from consumers.alerting.outbox import LEASE, Outbox
from consumers.alerting.tables import NOTIFICATIONS
from consumers.database import open_engine, upgrade
from schemas.alert import AlertState
from tests.support.alerting import (
    Clock,
    FakeNotifier,
    a_store,
    an_event,
    memory_engine,
    observed,
    rows,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine() -> Engine:
    return memory_engine()


@pytest.fixture
def outbox(engine: Engine, clock: Clock) -> Outbox:
    """Return the outbox with one alert to tell."""
    a_store(engine, clock, notifiers=["fake", "other"]).record(observed(an_event("r1")))
    return Outbox(engine, clock)


def test_a_taken_notification_is_not_taken_twice(outbox: Outbox) -> None:
    """While one holds the lease nobody else tells it; another notifier's is another one."""
    assert outbox.take("fake") is not None
    assert outbox.take("fake") is None
    assert outbox.take("other") is not None


def test_a_crash_before_settling_tells_again_with_the_same_key(
    outbox: Outbox, clock: Clock
) -> None:
    """The lease runs out, and the receiver gets what it can tell as a repeat."""
    first = outbox.take("fake")
    clock.move(LEASE.total_seconds())

    again = outbox.take("fake")

    assert first is not None
    assert again is not None
    assert again.alert == first.alert
    assert again.attempts == 2


def test_a_late_holder_changes_nothing(outbox: Outbox, clock: Clock, engine: Engine) -> None:
    """Whoever lost its lease cannot settle what another one holds now."""
    late = outbox.take("fake")
    clock.move(LEASE.total_seconds())
    outbox.take("fake")

    assert late is not None
    outbox.mark_failed(late, "too late")

    row = next(row for row in rows(engine, NOTIFICATIONS) if row.notifier == "fake")
    assert (row.status, row.last_error) == ("leased", None)


def test_the_end_is_not_told_before_the_beginning(
    outbox: Outbox, clock: Clock, engine: Engine
) -> None:
    """While the raised alert waits for its retry, the resolved one waits, too."""
    clock.move(400)
    a_store(engine, clock).resolve_due()
    taken = outbox.take("fake")
    assert taken is not None
    outbox.mark_pending(taken, "away", 100)
    assert outbox.take("fake") is None

    clock.move(100)
    told = [_take_and_send(outbox), _take_and_send(outbox), outbox.take("fake")]

    assert told == [AlertState.FIRING, AlertState.RESOLVED, None]


def _take_and_send(outbox: Outbox) -> AlertState | None:
    taken = outbox.take("fake")
    if taken is None:
        return None
    outbox.mark_sent(taken)
    return taken.alert.state


def test_what_is_told_late_has_the_count_of_now(
    outbox: Outbox, clock: Clock, engine: Engine
) -> None:
    """A receiver that was away hears how many there are, not how many there were."""
    a_store(engine, clock).record(observed(an_event("r2", 5), an_event("r3", 6)))

    taken = outbox.take("fake")

    assert taken is not None
    assert taken.alert.value == 3.0


def test_of_many_takers_one_gets_it(tmp_path: Path, clock: Clock) -> None:
    """Several instances share one outbox without telling anything twice."""
    url = f"sqlite:///{tmp_path / 'inferbus.db'}"
    upgrade(url)
    engine = open_engine(url)
    events = [an_event(f"r{n}", model=f"m{n}") for n in range(8)]
    a_store(engine, clock, notifiers=["fake"]).record(observed(*events))

    def take_all(_instance: int) -> list[str]:
        outbox, keys = Outbox(engine, clock), list[str]()
        while (taken := outbox.take("fake")) is not None:
            keys.append(taken.alert.dedup_key)
        return keys

    with ThreadPoolExecutor(3) as pool:
        taken = [key for keys in pool.map(take_all, range(3)) for key in keys]

    assert len(taken) == len(set(taken)) == 8
    engine.dispose()


def test_a_delivery_tells_and_settles(outbox: Outbox, clock: Clock, engine: Engine) -> None:
    """Each due alert is told once and marked sent."""
    notifier = FakeNotifier()
    delivery = Delivery(notifier, outbox, clock)

    delivery.tell_due(Event())
    delivery.tell_due(Event())

    assert len(notifier.told) == 1
    assert {row.status for row in rows(engine, NOTIFICATIONS) if row.notifier == "fake"} == {"sent"}
    assert delivery.state().status == "ok"


def test_a_failing_notifier_is_tried_again_later(
    outbox: Outbox, clock: Clock, engine: Engine
) -> None:
    """The reason stands in the database and in health; the process stays ready."""
    notifier = FakeNotifier(errors=[NotifyError("answered 503", retry_after_s=42)])
    delivery = Delivery(notifier, outbox, clock)

    delivery.tell_due(Event())
    row = next(row for row in rows(engine, NOTIFICATIONS) if row.notifier == "fake")
    state = delivery.state()
    clock.move(41)
    delivery.tell_due(Event())
    told_too_early = list(notifier.told)
    clock.move(1)
    delivery.tell_due(Event())

    assert (row.status, row.attempts, row.last_error) == ("pending", 1, "answered 503")
    assert (state.status, state.reason) == ("degraded", "fake: answered 503")
    assert told_too_early == []
    assert len(notifier.told) == 1
    assert delivery.state().status == "ok"


def test_a_permanent_failure_is_given_up(outbox: Outbox, clock: Clock, engine: Engine) -> None:
    """The receiver said it never wants it: no retry, the reason is kept."""
    notifier = FakeNotifier(errors=[NotifyError("answered 410", permanent=True)])

    Delivery(notifier, outbox, clock).tell_due(Event())

    row = next(row for row in rows(engine, NOTIFICATIONS) if row.notifier == "fake")
    assert (row.status, row.last_error) == ("failed", "answered 410")


def test_after_a_day_it_is_given_up(outbox: Outbox, clock: Clock, engine: Engine) -> None:
    """Until then it is tried again and again, whatever the number of attempts."""
    notifier = FakeNotifier(errors=[NotifyError("away") for _ in range(1000)])
    delivery = Delivery(notifier, outbox, clock)

    statuses = []
    while clock.now - rows(engine, NOTIFICATIONS)[0].created_at <= GIVE_UP_AFTER:
        delivery.tell_due(Event())
        statuses.append(rows(engine, NOTIFICATIONS)[0].status)
        clock.move(3600)

    assert statuses == ["pending"] * 24 + ["failed"]


def test_a_stopped_delivery_takes_nothing_more(outbox: Outbox, clock: Clock) -> None:
    """A stop waits for one notification at most."""
    notifier, stopping = FakeNotifier(), Event()
    stopping.set()

    Delivery(notifier, outbox, clock).tell_due(stopping)

    assert notifier.told == []


def test_delays_grow_and_heed_the_receiver() -> None:
    """Doubling from a second to five minutes; a longer wish counts, up to an hour."""
    assert [delay_s(n) for n in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, 8.0]
    assert delay_s(10_000) == MAX_DELAY_S
    assert delay_s(1, asked_s=30.0) == 30.0
    assert delay_s(9, asked_s=1.0) == 256.0
    assert delay_s(1, asked_s=1e9) == MAX_RETRY_AFTER_S
