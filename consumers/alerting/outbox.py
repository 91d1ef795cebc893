"""Notifications in the database: taken under a lease, then settled."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Select, and_, exists, select, update

from consumers.alerting.tables import ALERTS, NOTIFICATIONS
from consumers.engines import reading
from schemas.alert import Alert, AlertState

# Twice what a notifier may take, so that only a crashed holder loses its lease.
LEASE = timedelta(seconds=60)


class Status(StrEnum):
    """How one notification stands."""

    PENDING = "pending"
    LEASED = "leased"
    SENT = "sent"
    FAILED = "failed"


_OPEN = (Status.PENDING, Status.LEASED)


@dataclass(frozen=True, slots=True)
class Notification:
    """An alert that one notifier has to tell, held under a lease."""

    notifier: str
    alert: Alert
    attempts: int
    created_at: datetime


class Outbox:
    """What is still to be told. Safe to use from any thread and from several instances."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def take(self, notifier: str) -> Notification | None:
        """
        Return the notifier's oldest due notification, None where nothing is due.

        The lease ends by itself: if its holder dies between telling and settling, the same
        notification is told again.
        """
        now = self._clock()
        with reading(self._engine) as connection:
            row = connection.execute(_due(notifier, now)).first()
        while row is not None and not self._lease(row, now):
            with reading(self._engine) as connection:
                row = connection.execute(_due(notifier, now)).first()
        return None if row is None else _notification(row)

    def mark_sent(self, taken: Notification) -> None:
        """Record that the alert was told."""
        self._settle(taken, status=Status.SENT, last_error=None)

    def mark_pending(self, taken: Notification, error: str, delay_s: float) -> None:
        """Record why it was not told, and that it is due again after the delay."""
        due_at = self._clock() + timedelta(seconds=delay_s)
        self._settle(taken, status=Status.PENDING, last_error=error, due_at=due_at)

    def mark_failed(self, taken: Notification, error: str) -> None:
        """Record that it is given up, and why."""
        self._settle(taken, status=Status.FAILED, last_error=error)

    def _lease(self, row: Row[Any], now: datetime) -> bool:
        # Compare and set on `attempts`: of two instances that saw the row, one gets it.
        statement = (
            update(NOTIFICATIONS)
            .where(_is_row(row.dedup_key, row.said, row.notifier))
            .where(NOTIFICATIONS.c.attempts == row.attempts, NOTIFICATIONS.c.status.in_(_OPEN))
            .values(status=Status.LEASED, attempts=row.attempts + 1, due_at=now + LEASE)
        )
        with self._engine.begin() as connection:
            return connection.execute(statement).rowcount == 1

    def _settle(self, taken: Notification, **values: Any) -> None:
        # A holder whose lease went to another one changes nothing: `attempts` has moved on.
        statement = (
            update(NOTIFICATIONS)
            .where(_is_row(taken.alert.dedup_key, taken.alert.state, taken.notifier))
            .where(NOTIFICATIONS.c.attempts == taken.attempts)
            .where(NOTIFICATIONS.c.status == Status.LEASED)
            .values(**values)
        )
        with self._engine.begin() as connection:
            connection.execute(statement)


def _is_row(dedup_key: str, state: str, notifier: str) -> ColumnElement[bool]:
    return and_(
        NOTIFICATIONS.c.dedup_key == dedup_key,
        NOTIFICATIONS.c.state == state,
        NOTIFICATIONS.c.notifier == notifier,
    )


def _due(notifier: str, now: datetime) -> Select[Any]:
    mine = NOTIFICATIONS
    return (
        select(
            ALERTS,
            mine.c.notifier,
            mine.c.state.label("said"),
            mine.c.attempts,
            mine.c.created_at.label("asked_at"),
        )
        .join(mine, mine.c.dedup_key == ALERTS.c.dedup_key)
        .where(mine.c.notifier == notifier, mine.c.status.in_(_OPEN), mine.c.due_at <= now)
        .where(~_waits_for_firing())
        .order_by(mine.c.created_at, mine.c.dedup_key)
        .limit(1)
    )


def _waits_for_firing() -> ColumnElement[bool]:
    # A receiver must never hear of the end before the beginning.
    earlier = NOTIFICATIONS.alias("earlier")
    return and_(
        NOTIFICATIONS.c.state == AlertState.RESOLVED,
        exists().where(
            earlier.c.dedup_key == NOTIFICATIONS.c.dedup_key,
            earlier.c.notifier == NOTIFICATIONS.c.notifier,
            earlier.c.state == AlertState.FIRING,
            earlier.c.status.in_(_OPEN),
        ),
    )


def _notification(row: Row[Any]) -> Notification:
    alert = Alert(
        dedup_key=row.dedup_key,
        rule=row.rule,
        state=AlertState(row.said),
        severity=row.severity,
        summary=row.summary,
        group=row.group,
        value=row.value,
        threshold=row.threshold,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        samples=tuple(row.samples),
    )
    return Notification(row.notifier, alert, row.attempts + 1, row.asked_at)
