"""Counting and raising: exact whatever the order, the repeats, the restarts and the instances."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from consumers.alerting.outbox import Outbox
from consumers.alerting.reading import Observed
from consumers.alerting.rules.base import Rule
from consumers.alerting.rules.failures import Failures
from consumers.alerting.store import Resolved
from consumers.alerting.tables import ALERT_COUNTS, ALERT_SEEN, ALERTS, NOTIFICATIONS
from consumers.alerting.windows import Window
from consumers.database import open_engine, upgrade
from schemas.alert import AlertState
from schemas.event import InferenceEvent, Outcome, Quarantined
from tests.support.alerting import (
    NOON,
    Clock,
    a_store,
    an_event,
    memory_engine,
    observed,
    rows,
)

SLIDING = Failures(window=Window(60, 20), threshold=3)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine() -> Engine:
    return memory_engine()


def test_the_first_failure_raises_an_alert(engine: Engine, clock: Clock) -> None:
    """One failed job is enough: its alert names the group, the count and the event."""
    raised = a_store(engine, clock).record(observed(an_event("r1")))

    (alert,) = rows(engine, ALERTS)
    assert [alert.dedup_key] == [each.dedup_key for each in raised]
    assert (alert.rule, alert.state, alert.value) == ("failures", "firing", 1.0)
    assert alert.group == {"provider": "deepinfra", "model": "bge-m3"}
    assert alert.samples == ["deepinfra:r1:failed"]
    assert alert.summary == "1 failed job of deepinfra, model bge-m3, within 5 min"


def test_a_storm_is_one_alert_with_its_count(engine: Engine, clock: Clock) -> None:
    """A hundred failures of a group in one period: one alert, one notification, the count."""
    store = a_store(engine, clock)

    raised = [store.record(observed(an_event(f"r{n}", n))) for n in range(100)]

    assert [len(each) for each in raised] == [1, *[0] * 99]
    (alert,) = rows(engine, ALERTS)
    assert alert.value == 100.0
    assert len(alert.samples) == 5
    assert len(rows(engine, NOTIFICATIONS)) == 1


def test_groups_are_apart(engine: Engine, clock: Clock) -> None:
    """Provider and model each make a group; an event without a model has one, too."""
    events = [
        an_event("r1"),
        an_event("r2", model="other"),
        an_event("r3", provider="replicate"),
        an_event("r4", model=None),
    ]

    a_store(engine, clock).record(observed(*events))

    groups = [alert.group for alert in rows(engine, ALERTS)]
    assert len(groups) == 4
    assert {"provider": "deepinfra", "model": "unknown"} in groups


def test_a_success_costs_no_write(engine: Engine, clock: Clock) -> None:
    """What no rule counts leaves no trace, and no transaction is opened for it."""
    store = a_store(engine, clock)

    store.record(observed(an_event("r1", outcome=Outcome.SUCCEEDED)))

    assert rows(engine, ALERT_SEEN) == []
    assert rows(engine, ALERTS) == []


def test_a_repeat_changes_nothing(engine: Engine, clock: Clock) -> None:
    """A redelivery, also with other bytes and another time, is the same event."""
    store = a_store(engine, clock)
    store.record(observed(an_event("r1")))
    before = rows(engine, ALERT_COUNTS), rows(engine, ALERTS), rows(engine, NOTIFICATIONS)

    raised = store.record(observed(an_event("r1", after_s=400, model="other")))

    assert raised == []
    assert before == (rows(engine, ALERT_COUNTS), rows(engine, ALERTS), rows(engine, NOTIFICATIONS))


def test_a_burst_across_two_periods_is_seen(engine: Engine, clock: Clock) -> None:
    """Windows slide: two failures before a period's end and one after it are three."""
    store = a_store(engine, clock, [SLIDING])

    raised = store.record(observed(an_event("r1", 50), an_event("r2", 55), an_event("r3", 61)))

    assert len(raised) == 1
    (alert,) = rows(engine, ALERTS)
    assert alert.value == 3.0
    assert alert.starts_at == NOON + timedelta(seconds=20)
    assert alert.ends_at == NOON + timedelta(seconds=80)


def test_under_the_threshold_nothing_is_raised(engine: Engine, clock: Clock) -> None:
    """Three failures spread over more than a window are no burst."""
    store = a_store(engine, clock, [SLIDING])

    raised = store.record(observed(*(an_event(f"r{n}", 40 * n) for n in range(3))))

    assert raised == []
    assert rows(engine, ALERTS) == []


def test_what_is_older_than_an_hour_is_recorded_only(engine: Engine, clock: Clock) -> None:
    """After a long stop the past is written down, but nobody is told that it is now."""
    clock.move(3600 + 31)
    store = a_store(engine, clock)

    (raised,) = store.record(observed(an_event("old", 0)))
    store.resolve_due()

    assert not raised.is_told
    (alert,) = rows(engine, ALERTS)
    assert alert.state == "resolved"
    assert rows(engine, NOTIFICATIONS) == []


def test_a_recorded_alert_is_told_once_it_concerns_now(engine: Engine, clock: Clock) -> None:
    """In a window of hours an old failure is recorded; a new one in it makes it be told."""
    long = Failures(window=Window(4 * 3600, 600), threshold=1)
    clock.move(2 * 3600)
    store = a_store(engine, clock, [long])
    store.record(observed(an_event("old", 0)))

    store.record(observed(an_event("new", 2 * 3600)))

    (alert,) = rows(engine, ALERTS)
    assert alert.value == 2.0
    assert [row.state for row in rows(engine, NOTIFICATIONS)] == ["firing"]


def test_what_is_told_after_its_end_is_told_to_have_ended(engine: Engine, clock: Clock) -> None:
    """An alert that was recorded, resolved, then concerned by a late event opens and closes."""
    long = Failures(window=Window(4 * 3600, 600), threshold=1)
    clock.move(4 * 3600 + 900)
    store = a_store(engine, clock, [long])
    store.record(observed(an_event("old", 0)))
    store.resolve_due()

    store.record(observed(an_event("late", 4 * 3600 - 10)))

    assert [row.state for row in rows(engine, NOTIFICATIONS)] == ["firing", "resolved"]


def test_of_two_instances_one_resolves(engine: Engine, clock: Clock) -> None:
    """Both find the alert due; the second one finds it done."""
    store = a_store(engine, clock)
    (raised,) = store.record(observed(an_event("r1")))
    clock.move(400)
    due = Resolved(raised.dedup_key, raised.rule)

    assert [store._resolve(due, clock.now), store._resolve(due, clock.now)] == [True, False]


def test_what_is_no_success_is_marked_as_seen(engine: Engine, clock: Clock) -> None:
    """No rule counts quarantined deliveries yet; a repeat under a later rule is still one."""
    body = b"not json"
    held = Quarantined(
        id="deepinfra:sha256-0:quarantined",
        provider="deepinfra",
        reason="not-json",
        detail="",
        received_at=NOON,
        body_sha256=hashlib.sha256(body).hexdigest(),
        body_bytes=len(body),
        body=body,
    )

    a_store(engine, clock).record([Observed(held.id, held.received_at, held)])

    assert [row.event_id for row in rows(engine, ALERT_SEEN)] == [held.id]
    assert rows(engine, ALERT_COUNTS) == []


def test_an_alert_ends_with_its_period(engine: Engine, clock: Clock) -> None:
    """It is resolved after the period and a bucket's grace, once, and told to the same ones."""
    store = a_store(engine, clock, notifiers=["log", "webhook"])
    store.record(observed(an_event("r1")))
    clock.move(329)
    assert store.resolve_due() == []

    clock.move(1)
    resolved = [*store.resolve_due(), *store.resolve_due()]

    assert [each.rule for each in resolved] == ["failures"]
    (alert,) = rows(engine, ALERTS)
    assert (alert.state, alert.resolved_at) == (AlertState.RESOLVED, clock.now)
    told = {(row.notifier, row.state) for row in rows(engine, NOTIFICATIONS)}
    assert told == {
        (notifier, state) for notifier in ("log", "webhook") for state in ("firing", "resolved")
    }


def test_a_late_event_corrects_a_resolved_alert_silently(engine: Engine, clock: Clock) -> None:
    """The count is right in the end; nobody is called again for what is over."""
    store = a_store(engine, clock)
    store.record(observed(an_event("r1")))
    clock.move(400)
    store.resolve_due()
    before = rows(engine, NOTIFICATIONS)

    raised = store.record(observed(an_event("late", 10)))

    assert raised == []
    (alert,) = rows(engine, ALERTS)
    assert (alert.state, alert.value) == ("resolved", 2.0)
    assert rows(engine, NOTIFICATIONS) == before


def test_a_changed_rule_counts_anew(engine: Engine, clock: Clock) -> None:
    """Counts made under another threshold or window are not mixed with new ones."""
    a_store(engine, clock, [Failures(threshold=2)]).record(observed(an_event("r1")))

    raised = a_store(engine, clock, [Failures(threshold=3)]).record(
        observed(an_event("r2"), an_event("r3"))
    )

    assert raised == []


def test_nothing_of_a_failed_batch_is_kept(engine: Engine, clock: Clock) -> None:
    """When raising fails, neither the marks nor the counts of the batch stay."""
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE notifications"))

    with pytest.raises(OperationalError):
        a_store(engine, clock).record(observed(an_event("r1")))

    assert rows(engine, ALERT_SEEN) == rows(engine, ALERT_COUNTS) == rows(engine, ALERTS) == []


def test_two_instances_add_up(tmp_path: Path, clock: Clock) -> None:
    """Instances that count for one group at the same time raise one alert with the sum."""
    url = f"sqlite:///{tmp_path / 'inferbus.db'}"
    upgrade(url)
    engines = [open_engine(url) for _ in range(2)]
    rule = Failures(window=Window(300, 30), threshold=40)

    def count(instance: int) -> int:
        store = a_store(engines[instance], clock, [rule])
        # Every second event is read by both, as after a rebalance.
        events = [an_event(f"r{n}", n) for n in range(60) if n % 2 == 0 or n // 2 % 2 == instance]
        return sum(len(store.record(observed(event))) for event in events)

    with ThreadPoolExecutor(2) as pool:
        raised = sum(pool.map(count, range(2)))

    (alert,) = rows(engines[0], ALERTS)
    assert (raised, alert.value) == (1, 60.0)
    for engine in engines:
        engine.dispose()


events = st.builds(
    an_event,
    st.integers(0, 30).map("r{}".format),
    st.integers(0, 200),
    model=st.sampled_from(["a", "b", None]),
    outcome=st.sampled_from([Outcome.FAILED, Outcome.FAILED, Outcome.SUCCEEDED]),
)
distinct = st.lists(events, unique_by=lambda event: event.id, max_size=20)
rules = st.builds(
    lambda buckets, threshold: Failures(window=Window(20 * buckets, 20), threshold=threshold),
    st.integers(1, 4),
    st.integers(1, 4),
)


def _kept(engine: Engine) -> tuple[Any, ...]:
    """Return what must not depend on order: counts, alerts, who has to be told of what."""
    counts = [(*row[:4], row.count) for row in rows(engine, ALERT_COUNTS)]
    alerts = [
        (row.dedup_key, row.value, row.starts_at, row.ends_at) for row in rows(engine, ALERTS)
    ]
    asked = [row[:3] for row in rows(engine, NOTIFICATIONS)]
    return {row[0] for row in rows(engine, ALERT_SEEN)}, counts, alerts, asked


def _run(rule: Rule, batches: list[list[InferenceEvent]]) -> tuple[Any, ...]:
    engine, clock = memory_engine(), Clock()
    for batch in batches:
        # A new store each time: a restart in the middle must make no difference.
        a_store(engine, clock, [rule]).record(observed(*batch))
    kept = _kept(engine)
    engine.dispose()
    return kept


@settings(max_examples=60, deadline=None)
@given(st.data(), rules, distinct)
def test_order_repeats_and_restarts_change_nothing(
    data: st.DataObject, rule: Rule, distinct: list[InferenceEvent]
) -> None:
    """Any order, any repeats, any cut into batches: same counts, same alerts, same keys."""
    repeats = data.draw(st.lists(st.sampled_from(distinct), max_size=15)) if distinct else []
    shuffled = data.draw(st.permutations([*distinct, *repeats]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=6)))
    edges = zip([0, *cuts], [*cuts, len(shuffled)], strict=True)

    batches = [_once(shuffled[start:end]) for start, end in edges]

    assert _run(rule, batches) == _run(rule, [distinct])


def _once(batch: list[InferenceEvent]) -> list[InferenceEvent]:
    """Reading a batch leaves repeats within it out."""
    return list({event.id: event for event in batch}.values())


def test_an_outbox_of_another_instance_sees_the_alert(tmp_path: Path, clock: Clock) -> None:
    """State is in the database alone: whoever looks next tells what was raised."""
    url = f"sqlite:///{tmp_path / 'inferbus.db'}"
    upgrade(url)
    first, second = open_engine(url), open_engine(url)
    a_store(first, clock).record(observed(an_event("r1")))
    first.dispose()

    taken = Outbox(second, clock).take("log")

    assert taken is not None
    assert taken.alert.samples == ("deepinfra:r1:failed",)
    second.dispose()
