"""Inserts that a repeat does not change, in the words of either database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, Table, and_, or_
from sqlalchemy.dialects import postgresql, sqlite

from consumers.storage.sinks.mapping import Values
from consumers.storage.tables import DEAD_LETTERS

_POSITION = ("topic", "partition_no", "offset_no")
_Insert = postgresql.Insert | sqlite.Insert
# What parking a record anew tells; key, value and headers are the same bytes.
_TOLD_ANEW = (
    "reason",
    "detail",
    "parked_at",
    "stored_at",
    *_POSITION,
    "replayed_at",
)


def insert_new(connection: Connection, table: Table, rows: Sequence[Values]) -> Sequence[Row[Any]]:
    """Insert the rows whose primary key is not there yet; return the keys of these."""
    if not rows:
        return []
    statement = _insert(connection, table).on_conflict_do_nothing()
    return connection.execute(statement.returning(*_key(table)), _in_order(table, rows)).all()


def insert_dead_letters(connection: Connection, rows: Sequence[Values]) -> None:
    """
    Insert dead letters; a record that was replayed and parked again is open again.

    It lies elsewhere then. When it was replayed is not enough to know: consumers park within
    milliseconds, often before the replay has noted that it is done, and by another clock.
    """
    # One statement cannot change a row twice: of those with the same key the last one counts.
    latest = {(row["consumer"], row["dl_key"]): row for row in sorted(rows, key=_parked_at)}
    if not latest:
        return
    statement = _insert(connection, DEAD_LETTERS)
    upsert = statement.on_conflict_do_update(
        index_elements=_key(DEAD_LETTERS),
        set_={name: statement.excluded[name] for name in _TOLD_ANEW},
        where=_is_parked_again(statement),
    )
    connection.execute(upsert, _in_order(DEAD_LETTERS, list(latest.values())))


def _is_parked_again(statement: _Insert) -> ColumnElement[bool]:
    told, kept = statement.excluded, DEAD_LETTERS.c
    lies_elsewhere = or_(*(told[name] != kept[name] for name in _POSITION))
    return or_(
        and_(told.parked_at > kept.parked_at, lies_elsewhere), told.parked_at > kept.replayed_at
    )


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
