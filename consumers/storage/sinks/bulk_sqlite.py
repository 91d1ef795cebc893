"""New events into SQLite."""

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite

from consumers.columns import moment_text, plain_labels
from consumers.storage.sinks.bulk_values import COLUMNS, plain_values
from consumers.storage.sinks.mapping import Values
from consumers.storage.tables import EVENTS
from schemas.money import plain

_WHICH = "SELECT event_id FROM events WHERE event_id IN (SELECT value FROM json_each(?))"
_INSERT = str(sqlite.insert(EVENTS).compile(dialect=sqlite.dialect()))
# SQLite takes 32,766 parameters a statement, a row has 25.
_MOST_ROWS = 256
_LABELS, _COST = COLUMNS.index("labels"), COLUMNS.index("cost_usd")
_RECEIVED, _STORED = COLUMNS.index("received_at"), COLUMNS.index("stored_at")
# The same for every row of a batch.
_stored_text = lru_cache(maxsize=1)(moment_text)


def insert_new_events(connection: Connection, rows: Sequence[Values]) -> set[str]:
    """
    See `bulk.insert_new_events`.

    The transaction has held the write lock since its start: what is not there when we ask is
    not there when we insert. A statement takes many rows (14 µs a row, asking included): with
    sqlite3's executemany (17) the interpreter's lock is left and taken at each row, and waited
    for each time while the next batch is being read.
    """
    ids = orjson.dumps([row["event_id"] for row in rows]).decode()
    stored = set(connection.exec_driver_sql(_WHICH, (ids,)).scalars())
    new = [_driver_values(row) for row in rows if row["event_id"] not in stored]
    for piece in _pieces(sorted(new, key=itemgetter(0))):
        connection.exec_driver_sql(_insert(len(piece)), tuple(chain.from_iterable(piece)))
    return {values[0] for values in new}


def _pieces(rows: Sequence[Sequence[Any]]) -> Iterator[Sequence[Sequence[Any]]]:
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


def _driver_values(row: Values) -> tuple[Any, ...]:
    values = plain_values(row)
    values[_LABELS] = orjson.dumps(plain_labels(values[_LABELS])).decode()
    if values[_COST] is not None:
        values[_COST] = plain(values[_COST])
    values[_RECEIVED] = moment_text(values[_RECEIVED])
    values[_STORED] = _stored_text(values[_STORED])
    return tuple(values)
