"""A verdict to an alert's row, and to what its notifiers have to say."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from consumers.alerting.counting import BucketCount, Tally
from consumers.alerting.counts import upsert
from consumers.alerting.outbox import Status
from consumers.alerting.rules.base import dedup_key
from consumers.alerting.tables import ALERTS, NOTIFICATIONS
from consumers.alerting.windows import Verdict
from schemas.alert import AlertState

# Somebody who is told of a failure an hour late is misled about now: it is recorded only.
NOTIFIED_WITHIN = timedelta(hours=1)
MAX_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class Raised:
    """A new alert; `is_told` says whether notifiers are to tell it."""

    dedup_key: str
    rule: str
    is_told: bool


def raise_alert(
    connection: Connection,
    tally: Tally,
    period: int,
    verdict: Verdict,
    known: Mapping[int, BucketCount],
    *,
    notifiers: Sequence[str],
    now: datetime,
) -> Raised | None:
    """
    Write the period's alert as its verdict is now; return it where it is new.

    An alert that is there already only gets the new count: its notifiers have their row.
    """
    key = dedup_key(tally.rule, tally.group, period)
    values = _values(tally, verdict, known)
    state = connection.execute(select(ALERTS.c.state).where(ALERTS.c.dedup_key == key)).scalar()
    if state is None:
        connection.execute(insert(ALERTS), [_new_row(tally, key, period, now) | values])
    else:
        connection.execute(update(ALERTS).where(ALERTS.c.dedup_key == key).values(**values))
    is_told = tally.rule.window.bounds(verdict.latest)[1] > now - NOTIFIED_WITHIN
    if is_told:
        _ask(connection, key, AlertState.FIRING, notifiers, now)
    if is_told and state == AlertState.RESOLVED:
        ask_for_resolved(connection, key, now)
    return None if state is not None else Raised(key, tally.rule.name, is_told)


def ask_for_resolved(connection: Connection, key: str, now: datetime) -> None:
    """Ask the notifiers that were asked to tell of the alert to tell of its end, too."""
    asked = select(NOTIFICATIONS.c.notifier).where(
        NOTIFICATIONS.c.dedup_key == key, NOTIFICATIONS.c.state == AlertState.FIRING
    )
    _ask(connection, key, AlertState.RESOLVED, connection.execute(asked).scalars().all(), now)


def _values(tally: Tally, verdict: Verdict, known: Mapping[int, BucketCount]) -> dict[str, Any]:
    starts_at, ends_at = tally.rule.window.bounds(verdict.fullest)
    return {
        "severity": tally.rule.severity,
        "summary": tally.rule.summarize(tally.group, verdict.value),
        "value": float(verdict.value),
        "starts_at": starts_at,
        "ends_at": ends_at,
        "samples": _samples(tally, verdict, known),
    }


def _samples(tally: Tally, verdict: Verdict, known: Mapping[int, BucketCount]) -> list[str]:
    first = verdict.fullest - tally.rule.window.buckets + 1
    within = (known[n].samples for n in sorted(known) if first <= n <= verdict.fullest)
    return [event_id for samples in within for event_id in samples][:MAX_SAMPLES]


def _new_row(tally: Tally, key: str, period: int, now: datetime) -> dict[str, Any]:
    window = tally.rule.window
    return {
        "dedup_key": key,
        "rule": tally.rule.name,
        "rule_hash": tally.rule.hash,
        "state": AlertState.FIRING,
        "group": dict(tally.group),
        "threshold": float(tally.rule.threshold),
        "created_at": now,
        # One bucket of grace for events that are read a little after they came.
        "resolve_at": window.period_ends_at(period) + timedelta(seconds=window.bucket_s),
    }


def _ask(
    connection: Connection, key: str, state: AlertState, notifiers: Iterable[str], now: datetime
) -> None:
    rows = [
        {
            "dedup_key": key,
            "state": state,
            "notifier": notifier,
            "status": Status.PENDING,
            "attempts": 0,
            "due_at": now,
            "created_at": now,
        }
        for notifier in notifiers
    ]
    if rows:
        connection.execute(upsert(connection, NOTIFICATIONS).on_conflict_do_nothing(), rows)
