"""
Events into their table many at a time, in the driver's own types.

SQLAlchemy handles each parameter of each row by itself: 20 of the 40 µs that a row took on
SQLite, 250 of 280 on PostgreSQL. Schema, queries and the tables that fill slowly stay with it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from consumers.storage.sinks import bulk_sqlite
from consumers.storage.sinks.base import Arrived
from consumers.storage.sinks.bulk_values import Driver, Rows, driver_values
from schemas.event import InferenceEvent


class _Bulk(Protocol):
    """What there is for each engine."""

    DRIVER: Driver

    def insert_new_events(
        self, connection: Connection, rows: Rows, stored_at: datetime
    ) -> set[str]: ...


def rows_of(events: Mapping[str, Arrived[InferenceEvent]], dialect: str) -> Rows:
    """Return the events' rows as the dialect's driver takes them, but for when they are stored."""
    driver = _bulk(dialect).DRIVER
    return {event_id: driver_values(each, driver) for event_id, each in events.items()}


def insert_new_events(connection: Connection, rows: Rows, stored_at: datetime) -> set[str]:
    """
    Insert the rows, by plain id, whose id is not there yet; return the ids of these.

    Raises `Collision` where another writer stores some of them at the same time.
    """
    return _bulk(connection.dialect.name).insert_new_events(connection, rows, stored_at)


def _bulk(dialect: str) -> "_Bulk":
    if dialect == "sqlite":
        return bulk_sqlite
    from consumers.storage.sinks import bulk_postgresql  # loads psycopg, for whom it serves

    return bulk_postgresql
