"""New events into SQLite."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from itertools import chain

import orjson
from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite

from consumers.columns import moment_text
from consumers.storage.sinks.bulk_values import (
    Driver,
    Row,
    Rows,
    labels_json,
    stamp,
)
from consumers.storage.tables import EVENTS
from schemas.money import plain

_WHICH = "SELECT event_id FROM events WHERE event_id IN (SELECT value FROM json_each(?))"
_INSERT = str(sqlite.insert(EVENTS).compile(dialect=sqlite.dialect()))
# SQLite takes 32,766 parameters a statement, a row has 25.
_MOST_ROWS = 256
DRIVER = Driver(labels=lambda labels: labels_json(labels).decode(), money=plain, moment=moment_text)


def insert_new_events(connection: Connection, rows: Rows, stored_at: datetime) -> set[str]:
    """
    See `bulk.insert_new_events`.

    The transaction has held the write lock since its start: what is not there when we ask is
    not there when we insert. A statement takes many rows (14 µs a row, asking included): with
    sqlite3's executemany (17) the interpreter's lock is left and taken at each row, and waited
    for each time while the next batch is being read.
    """
    ids = orjson.dumps(list(rows)).decode()
    new = rows.keys() - connection.exec_driver_sql(_WHICH, (ids,)).scalars()
    new_rows = [rows[event_id] for event_id in sorted(new)]
    stamp(new_rows, moment_text(stored_at))
    for piece in _pieces(new_rows):
        connection.exec_driver_sql(_insert(len(piece)), tuple(chain.from_iterable(piece)))
    return new


def _pieces(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Yield the rows in powers of two: so there are few statements, and each is parsed once."""
    at, size = 0, _MOST_ROWS
    while at < len(rows):
        if size <= len(rows) - at:
            yield rows[at : at + size]
            at += size
        else:
            size //= 2


@cache
def _insert(rows: int) -> str:
    head, values = _INSERT.split(" VALUES ")
    return f"{head} VALUES {', '.join([values] * rows)}"
