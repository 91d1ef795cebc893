"""What tests of alerting start from: events, a clock, a database in memory, fakes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Table, select

import consumers.storage.tables  # noqa: F401 - declares its tables
from bus.records import Position, ReceivedRecord, Record, event_record
from consumers.alerting.notifiers.base import NotifyError
from consumers.alerting.reading import Observed
from consumers.alerting.rules.base import Rule
from consumers.alerting.rules.failures import Failures
from consumers.alerting.store import AlertStore
from consumers.database import metadata, open_engine
from schemas.alert import Alert, AlertState
from schemas.event import InferenceEvent, Outcome
from schemas.topics import TopicNames

# On a period's start, so that offsets below one window stay in one period.
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TOPICS = TopicNames()


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def unix(self) -> float:
        return self.now.timestamp()

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def an_event(
    request: str = "r1",
    after_s: float = 0,
    *,
    outcome: Outcome = Outcome.FAILED,
    provider: str = "deepinfra",
    model: str | None = "bge-m3",
) -> InferenceEvent:
    """Return an event received `after_s` seconds after noon."""
    body = b'{"request_id":"%b"}' % request.encode()
    return InferenceEvent(
        id=f"{provider}:{request}:{outcome}",
        provider=provider,
        request_id=request,
        outcome=outcome,
        provider_status=outcome.value,
        received_at=NOON + timedelta(seconds=after_s),
        model=model,
        body_sha256=hashlib.sha256(body).hexdigest(),
        body_bytes=len(body),
        body=body,
    )


def observed(*events: InferenceEvent) -> list[Observed]:
    """Return what rules are shown of the events."""
    return [Observed(event.id, event.received_at, event) for event in events]


def received(record: Record, offset: int = 0) -> ReceivedRecord:
    """Return the record as a subscription hands it over."""
    position = Position(record.topic, 0, offset)
    return ReceivedRecord(record.topic, record.key, record.value, record.headers, position=position)


def batch(*events: InferenceEvent) -> list[ReceivedRecord]:
    """Return the events' records."""
    return [received(event_record(event, TOPICS), n) for n, event in enumerate(events)]


def memory_engine() -> Engine:
    """Return an engine on a new database in memory, tables made."""
    engine = open_engine("sqlite://")
    metadata.create_all(engine)
    return engine


def a_store(
    engine: Engine,
    clock: Clock,
    rules: Sequence[Rule] = (Failures(),),
    notifiers: Sequence[str] = ("log",),
) -> AlertStore:
    """Return a store as one instance of the service has it."""
    return AlertStore(engine, rules, notifiers, clock)


def rows(engine: Engine, table: Table) -> list[Any]:
    """Return all rows, in the order of their keys."""
    with engine.connect() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key)))


def an_alert(**changes: Any) -> Alert:
    """Return an alert as the failures rule raises it."""
    members: dict[str, Any] = {
        "dedup_key": "failures-0123456789abcdef",
        "rule": "failures",
        "state": AlertState.FIRING,
        "severity": "warning",
        "summary": "2 failed jobs of deepinfra, model bge-m3, within 5 min",
        "group": {"provider": "deepinfra", "model": "bge-m3"},
        "value": 2.0,
        "threshold": 1.0,
        "starts_at": NOON,
        "ends_at": NOON + timedelta(minutes=5),
        "samples": ("deepinfra:r1:failed", "deepinfra:r2:failed"),
    }
    return Alert(**members | changes)


@dataclass
class FakeNotifier:
    """Remembers what it told; raises the errors it was given first."""

    name: str = "fake"
    errors: list[NotifyError] = field(default_factory=list)
    told: list[Alert] = field(default_factory=list)

    def notify(self, alert: Alert) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.told.append(alert)
