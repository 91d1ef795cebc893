"""Events, one or many."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, Table, literal, select, tuple_

from consumers.columns import Moment, PlainText
from consumers.engines import reading
from consumers.storage.rows import StoredEvent
from consumers.storage.tables import CURRENT_STATUS, EVENTS


def current(engine: Engine, request_id: str) -> StoredEvent | None:
    """
    Return how a job stands, with its body; None where nothing is known of it.

    Where two providers use the same request id, the one heard of last is returned.
    """
    return _newest(engine, CURRENT_STATUS, CURRENT_STATUS.c.request_id == request_id)


def by_outcome(engine: Engine, request_id: str, outcome: str) -> StoredEvent | None:
    """Return the newest event of that outcome about a job, with its body, or None."""
    return _newest(
        engine, EVENTS, (EVENTS.c.request_id == request_id) & (EVENTS.c.outcome == outcome)
    )


def by_id(engine: Engine, event_id: str) -> StoredEvent | None:
    """Return one event with its body, or None."""
    return _newest(engine, EVENTS, EVENTS.c.event_id == event_id)


def events(
    engine: Engine,
    *,
    outcome: str | None = None,
    model: str | None = None,
    since: datetime | None = None,
    before: StoredEvent | None = None,
    limit: int | None = 50,
) -> list[StoredEvent]:
    """
    Return events without their bodies, newest first.

    `before` is the last one of the page before: the next page begins after it, whatever has
    been stored meanwhile.
    """
    columns = EVENTS.c
    query = _newest_first(select(*_columns(EVENTS, with_body=False)), EVENTS).limit(limit)
    if outcome is not None:
        query = query.where(columns.outcome == outcome)
    if model is not None:
        query = query.where(columns.model == model)
    if since is not None:
        query = query.where(columns.received_at >= since)
    if before is not None:
        place = tuple_(columns.received_at, columns.event_id)
        query = query.where(
            place < tuple_(literal(before.received_at, Moment), literal(before.event_id, PlainText))
        )
    with reading(engine) as connection:
        return [StoredEvent(**row) for row in connection.execute(query).mappings()]


def _newest(engine: Engine, table: Table, condition: ColumnElement[bool]) -> StoredEvent | None:
    query = select(*_columns(table, with_body=True)).where(condition)
    with reading(engine) as connection:
        row = connection.execute(_newest_first(query, table).limit(1)).mappings().first()
    return None if row is None else StoredEvent(**row)


def _newest_first(query: Select[Any], table: Table) -> Select[Any]:
    return query.order_by(table.c.received_at.desc(), table.c.event_id.desc())


def _columns(table: Table, *, with_body: bool) -> list[ColumnElement[Any]]:
    chosen: list[ColumnElement[Any]] = [c for c in table.columns if c.name != "body"]
    return [*chosen, table.c.body.label("inline")] if with_body else chosen
