"""
Counts and alerts in the database: one transaction marks events seen, counts and raises.

So a record that is read again, after a crash or by another instance, changes nothing, and an
alert exists if and only if the counts that call for it do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, and_, select, update

from bus.failpoints import reach
from consumers.alerting.counting import Tally, hits, ids_to_mark, tallies
from consumers.alerting.counts import add_counts, lock_group, mark_seen, read_counts
from consumers.alerting.raising import Raised, ask_for_resolved, raise_alert
from consumers.alerting.reading import Observed
from consumers.alerting.rules.base import Rule
from consumers.alerting.tables import ALERTS
from consumers.alerting.windows import judge
from consumers.engines import reading
from schemas.alert import AlertState

# After a long stop there may be many; each is a transaction of its own.
RESOLVED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Resolved:
    """An alert whose period has ended."""

    dedup_key: str
    rule: str


class AlertStore:
    """Keeps counts and alerts. Safe to use from any thread and from several instances."""

    def __init__(
        self,
        engine: Engine,
        rules: Sequence[Rule],
        notifiers: Sequence[str],
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._rules = tuple(rules)
        self._notifiers = tuple(notifiers)
        self._clock = clock

    def record(self, observed: Sequence[Observed]) -> list[Raised]:
        """
        Count what was not counted before; return the alerts this raised.

        One transaction: all of it is kept, or nothing.
        """
        counted = hits(observed, self._rules)
        to_mark = ids_to_mark(observed, counted)
        if not to_mark:
            return []
        now = self._clock()
        with self._engine.begin() as connection:
            new_ids = mark_seen(connection, to_mark, now)
            found = (self._count(connection, t, now) for t in tallies(counted, new_ids))
            raised = [raised for group in found for raised in group]
            reach("in-transaction")
            return raised

    def _count(self, connection: Connection, tally: Tally, now: datetime) -> list[Raised]:
        lock_group(connection, tally, now)
        add_counts(connection, tally)
        periods = sorted(tally.rule.window.periods_touched(tally.buckets))
        found = [self._judge(connection, tally, period, now) for period in periods]
        return [raised for raised in found if raised is not None]

    def _judge(
        self, connection: Connection, tally: Tally, period: int, now: datetime
    ) -> Raised | None:
        window = tally.rule.window
        known = read_counts(connection, tally, window.buckets_judged(period))
        counts = {bucket: at.count for bucket, at in known.items()}
        verdict = judge(counts, window, period, tally.rule.threshold)
        if verdict is None:
            return None
        return raise_alert(
            connection, tally, period, verdict, known, notifiers=self._notifiers, now=now
        )

    def resolve_due(self) -> list[Resolved]:
        """End the alerts whose period is over, and ask the notifiers that were told to say so."""
        now = self._clock()
        statement = select(ALERTS.c.dedup_key, ALERTS.c.rule).where(_is_due(now))
        with reading(self._engine) as connection:
            due = [Resolved(*row) for row in connection.execute(statement.limit(RESOLVED_AT_ONCE))]
        return [alert for alert in due if self._resolve(alert, now)]

    def _resolve(self, alert: Resolved, now: datetime) -> bool:
        statement = (
            update(ALERTS)
            .where(ALERTS.c.dedup_key == alert.dedup_key, _is_due(now))
            .values(state=AlertState.RESOLVED, resolved_at=now)
        )
        with self._engine.begin() as connection:
            is_first = connection.execute(statement).rowcount == 1
            if is_first:
                ask_for_resolved(connection, alert.dedup_key, now)
        return is_first


def _is_due(now: datetime) -> ColumnElement[bool]:
    return and_(ALERTS.c.state == AlertState.FIRING, ALERTS.c.resolve_at <= now)
