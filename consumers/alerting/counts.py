"""Seen marks and counts: the statements, each within its caller's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, select
from sqlalchemy.dialects import postgresql, sqlite

from consumers.alerting.counting import BucketCount, Tally
from consumers.alerting.tables import ALERT_COUNTS, ALERT_GROUPS, ALERT_SEEN

Insert = sqlite.Insert | postgresql.Insert


def upsert(connection: Connection, table: Table) -> Insert:
    """Return an insert that knows `ON CONFLICT`, in the connection's dialect."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def mark_seen(connection: Connection, event_ids: Sequence[str], now: datetime) -> set[str]:
    """Mark the events as seen; return those that were not before."""
    if not event_ids:
        return set()
    statement = upsert(connection, ALERT_SEEN).on_conflict_do_nothing()
    rows = [{"event_id": event_id, "seen_at": now} for event_id in event_ids]
    return set(connection.execute(statement.returning(ALERT_SEEN.c.event_id), rows).scalars())


def lock_group(connection: Connection, tally: Tally, now: datetime) -> None:
    """
    Hold the group until the commit.

    Two instances that count for one group at once would otherwise each miss the other's
    uncommitted count, and neither would see the threshold reached.
    """
    statement = upsert(connection, ALERT_GROUPS).values(**_columns(tally), counted_at=now)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(ALERT_GROUPS.primary_key), set_={"counted_at": now}
        )
    )


def add_counts(connection: Connection, tally: Tally) -> None:
    """Add the tally to its group's counts. The group is locked."""
    known = read_counts(connection, tally, tally.buckets)
    for bucket, added in tally.buckets.items():
        known.setdefault(bucket, BucketCount()).add(added)
    statement = upsert(connection, ALERT_COUNTS)
    changed = {"count": statement.excluded.count, "samples": statement.excluded.samples}
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(ALERT_COUNTS.primary_key), set_=changed
        ),
        [
            {**_columns(tally), "bucket": n, "count": at.count, "samples": list(at.samples)}
            for n, at in sorted(known.items())
        ],
    )


def read_counts(
    connection: Connection, tally: Tally, buckets: Iterable[int] | range
) -> dict[int, BucketCount]:
    """Return the group's counts of these buckets, those that are there."""
    column = ALERT_COUNTS.c.bucket
    if isinstance(buckets, range):
        where = column.between(buckets.start, buckets.stop - 1)
    else:
        where = column.in_(list(buckets))
    statement = select(column, ALERT_COUNTS.c.count, ALERT_COUNTS.c.samples)
    rows = connection.execute(statement.where(_is_group(tally), where))
    return {bucket: BucketCount(count, tuple(samples)) for bucket, count, samples in rows}


def _columns(tally: Tally) -> Mapping[str, str]:
    rule, rule_hash, key = tally.key
    return {"rule": rule, "rule_hash": rule_hash, "group_key": key}


def _is_group(tally: Tally) -> ColumnElement[bool]:
    return and_(*(ALERT_COUNTS.c[name] == value for name, value in _columns(tally).items()))
