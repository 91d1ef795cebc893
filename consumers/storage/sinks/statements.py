"""Inserts that a repeat does not change, in the words of either database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection, Row, Table
from sqlalchemy.dialects import postgresql, sqlite

from consumers.storage.sinks.mapping import Values
from consumers.storage.tables import DEAD_LETTERS

_Insert = postgresql.Insert | sqlite.Insert
# What parking a record anew tells; key, value and headers are the same bytes.
_TOLD_ANEW = (
    "reason",
    "detail",
    "parked_at",
    "stored_at",
    "topic",
    "partition_no",
    "offset_no",
    "replayed_at",
)


def insert_new(connection: Connection, table: Table, rows: Sequence[Values]) -> Sequence[Row[Any]]:
    """Insert the rows whose primary key is not there yet; return the keys of these."""
    if not rows:
        return []
    statement = _insert(connection, table).on_conflict_do_nothing()
    return connection.execute(statement.returning(*_key(table)), _in_order(table, rows)).all()


def insert_dead_letters(connection: Connection, rows: Sequence[Values]) -> None:
    """Insert dead letters; one that was parked again after its replay is open again."""
    # One statement cannot change a row twice: of those with the same key the last one counts.
    latest = {(row["consumer"], row["dl_key"]): row for row in sorted(rows, key=_parked_at)}
    if not latest:
        return
    statement = _insert(connection, DEAD_LETTERS)
    upsert = statement.on_conflict_do_update(
        index_elements=_key(DEAD_LETTERS),
        set_={name: statement.excluded[name] for name in _TOLD_ANEW},
        where=statement.excluded.parked_at > DEAD_LETTERS.c.replayed_at,
    )
    connection.execute(upsert, _in_order(DEAD_LETTERS, list(latest.values())))


def _insert(connection: Connection, table: Table) -> _Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def _in_order(table: Table, rows: Sequence[Values]) -> list[Values]:
    # Two writers that take the same keys in the same order never wait for each other crosswise.
    names = [column.name for column in _key(table)]
    return sorted(rows, key=lambda row: [row[name] for name in names])


def _key(table: Table) -> list[Column[Any]]:
    return list(table.primary_key.columns)


def _parked_at(row: Values) -> Any:
    return row["parked_at"]
