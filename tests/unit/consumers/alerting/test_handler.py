"""Batches to counts: what the worker is told."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError, OperationalError
from structlog.testing import capture_logs

from bus.errors import Poison, Transient
from bus.records import Record
from consumers.alerting.handler import AlertingHandler
from consumers.alerting.raising import Raised
from consumers.alerting.reading import Observed
from consumers.alerting.store import AlertStore
from consumers.alerting.tables import ALERT_SEEN, ALERTS
from consumers.gate import CHECK_EVERY_S, SchemaGate
from schemas.event import Outcome
from tests.support.alerting import (
    TOPICS,
    Clock,
    a_store,
    an_event,
    batch,
    memory_engine,
    received,
    rows,
)


class _Wakes:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def _open_gate() -> SchemaGate:
    return SchemaGate(list)


@pytest.fixture
def engine() -> Engine:
    return memory_engine()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wakes() -> _Wakes:
    return _Wakes()


@pytest.fixture
def handler(engine: Engine, clock: Clock, wakes: _Wakes) -> AlertingHandler:
    return AlertingHandler(a_store(engine, clock), TOPICS, _open_gate(), wakes)


def test_a_new_alert_wakes_the_notifiers(
    handler: AlertingHandler, wakes: _Wakes, engine: Engine
) -> None:
    """A failure is told at once; more of the same wake nobody."""
    handler.handle(batch(an_event("r1"), an_event("r2", outcome=Outcome.SUCCEEDED)))
    handler.handle(batch(an_event("r3")))
    handler.handle(batch(an_event("r4", outcome=Outcome.SUCCEEDED)))

    assert wakes.count == 1
    assert [alert.value for alert in rows(engine, ALERTS)] == [2.0]


def test_a_poisoned_batch_leaves_nothing_behind(handler: AlertingHandler, engine: Engine) -> None:
    """The worker halves the batch; the good records in it come again."""
    bad = received(Record(TOPICS.of("failed"), b"r2", b"{}"), 1)

    with pytest.raises(Poison):
        handler.handle([*batch(an_event("r1")), bad])

    assert rows(engine, ALERT_SEEN) == []


def test_a_database_that_fails_is_transient(handler: AlertingHandler, engine: Engine) -> None:
    """The batch is kept and tried again; the reason holds no values."""
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE notifications"))

    with pytest.raises(Transient, match="no such table: notifications") as verdict:
        handler.handle(batch(an_event("secret-id")))

    assert "secret-id" not in str(verdict.value)


class _RefusingStore(AlertStore):
    """A database that refuses the values themselves, as PostgreSQL can."""

    def record(self, observed: Sequence[Observed]) -> list[Raised]:
        raise DataError("INSERT", {}, Exception("value out of range"))


def test_values_the_database_refuses_are_poison(engine: Engine, clock: Clock) -> None:
    """Trying again would fail the same way for ever; the worker finds the record and parks it."""
    store = _RefusingStore(engine, (), (), clock)
    handler = AlertingHandler(store, TOPICS, _open_gate(), _Wakes())

    with pytest.raises(Poison) as verdict:
        handler.handle(batch(an_event("r1")))

    assert (verdict.value.reason, verdict.value.detail) == ("unstorable", "value out of range")


def test_without_tables_the_batch_waits(engine: Engine, clock: Clock) -> None:
    """Alerting does not make tables: it says what is missing until somebody else has."""
    problems = ["run `inferbus db upgrade`"]
    seconds = Clock()
    gate = SchemaGate(lambda: problems, seconds.unix)
    handler = AlertingHandler(a_store(engine, clock), TOPICS, gate, _Wakes())

    with pytest.raises(Transient, match="inferbus db upgrade"):
        handler.handle(batch(an_event("r1")))
    assert gate.state().reason == "run `inferbus db upgrade`"
    problems = []
    with pytest.raises(Transient):
        handler.handle(batch(an_event("r1")))
    seconds.move(CHECK_EVERY_S)
    handler.handle(batch(an_event("r1")))

    assert len(rows(engine, ALERTS)) == 1
    assert gate.state().reason is None


def test_a_check_that_raises_keeps_the_gate_shut() -> None:
    """A database that is away is a reason, not a crash."""

    def check() -> list[str]:
        raise OperationalError("SELECT 1", {}, Exception("password=hunter2"))

    gate = SchemaGate(check)

    assert gate.problem() == "database: OperationalError"


def test_a_recorded_alert_says_so_in_the_log(handler: AlertingHandler, clock: Clock) -> None:
    """Catching up on the past is seen in the log, without an alert line."""
    clock.move(7200)

    with capture_logs() as lines:
        handler.handle(batch(an_event("r1")))

    assert [line["event"] for line in lines] == ["alert_recorded"]
