"""What was quarantined or parked, and when it was replayed."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, Table, select, update

from consumers.engines import reading
from consumers.storage.rows import StoredDeadLetter, StoredQuarantine
from consumers.storage.tables import DEAD_LETTERS, QUARANTINE


def quarantined(
    engine: Engine,
    *,
    reason: str | None = None,
    since: datetime | None = None,
    limit: int | None = 50,
    is_replayed: bool | None = None,
) -> list[StoredQuarantine]:
    """Return quarantined deliveries without their bodies, newest first."""
    query = _listed(QUARANTINE, "body", reason, is_replayed=is_replayed)
    if since is not None:
        query = query.where(QUARANTINE.c.received_at >= since)
    query = query.order_by(QUARANTINE.c.received_at.desc(), QUARANTINE.c.event_id.desc())
    with reading(engine) as connection:
        return [
            StoredQuarantine(**row) for row in connection.execute(query.limit(limit)).mappings()
        ]


def quarantined_one(engine: Engine, event_id: str) -> StoredQuarantine | None:
    """Return one quarantined delivery with its body, or None."""
    query = select(*_without(QUARANTINE, "body"), QUARANTINE.c.body.label("inline"))
    with reading(engine) as connection:
        row = connection.execute(query.where(QUARANTINE.c.event_id == event_id)).mappings().first()
    return None if row is None else StoredQuarantine(**row)


def dead_letters(
    engine: Engine,
    *,
    event_id: str | None = None,
    consumer: str | None = None,
    reason: str | None = None,
    since: datetime | None = None,
    limit: int | None = 50,
    is_replayed: bool | None = None,
) -> list[StoredDeadLetter]:
    """
    Return parked records without their values, newest first.

    `event_id` may be a `dl_key` too, the only id that a record without an event id has.
    """
    columns = DEAD_LETTERS.c
    query = _listed(DEAD_LETTERS, "value", reason, is_replayed=is_replayed)
    if event_id is not None:
        query = query.where((columns.event_id == event_id) | (columns.dl_key == event_id))
    if consumer is not None:
        query = query.where(columns.consumer == consumer)
    if since is not None:
        query = query.where(columns.parked_at >= since)
    query = query.order_by(columns.parked_at.desc(), columns.dl_key.desc(), columns.consumer)
    with reading(engine) as connection:
        return [
            StoredDeadLetter(**row) for row in connection.execute(query.limit(limit)).mappings()
        ]


def dead_letter(engine: Engine, consumer: str, dl_key: str) -> StoredDeadLetter | None:
    """Return one parked record with its value, or None."""
    columns = DEAD_LETTERS.c
    query = select(DEAD_LETTERS).where(columns.consumer == consumer, columns.dl_key == dl_key)
    with reading(engine) as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else StoredDeadLetter(**row)


def mark_replayed(
    engine: Engine, rows: Iterable[StoredQuarantine | StoredDeadLetter], at: datetime
) -> None:
    """
    Note that these were replayed; they stay where they are.

    One that was parked again since it was read is left open: what was published did not help.
    """
    with engine.begin() as connection:
        for row in rows:
            connection.execute(_mark(row, at))


def _mark(row: StoredQuarantine | StoredDeadLetter, at: datetime) -> Any:
    if isinstance(row, StoredQuarantine):
        marked = update(QUARANTINE).where(QUARANTINE.c.event_id == row.event_id)
    else:
        columns = DEAD_LETTERS.c
        marked = update(DEAD_LETTERS).where(
            columns.consumer == row.consumer,
            columns.dl_key == row.dl_key,
            columns.topic == row.topic,
            columns.partition_no == row.partition_no,
            columns.offset_no == row.offset_no,
        )
    return marked.values(replayed_at=at)


def _listed(
    table: Table, without: str, reason: str | None, *, is_replayed: bool | None
) -> Select[Any]:
    query = select(*_without(table, without))
    if reason is not None:
        query = query.where(table.c.reason == reason)
    if is_replayed is not None:
        replayed_at = table.c.replayed_at
        query = query.where(replayed_at.is_not(None) if is_replayed else replayed_at.is_(None))
    return query


def _without(table: Table, name: str) -> list[ColumnElement[Any]]:
    return [column for column in table.columns if column.name != name]
