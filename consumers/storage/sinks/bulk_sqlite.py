"""New events into SQLite."""

from collections.abc import Sequence
from functools import lru_cache
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
_INSERT = str(sqlite.insert(EVENTS).on_conflict_do_nothing().compile(dialect=sqlite.dialect()))
_LABELS, _COST = COLUMNS.index("labels"), COLUMNS.index("cost_usd")
_RECEIVED, _STORED = COLUMNS.index("received_at"), COLUMNS.index("stored_at")
# The same for every row of a batch.
_stored_text = lru_cache(maxsize=1)(moment_text)


def insert_new_events(connection: Connection, rows: Sequence[Values]) -> set[str]:
    """
    See `bulk.insert_new_events`.

    The transaction has held the write lock since its start: what is not there when we ask is
    not there when we insert. So sqlite3's executemany will do, which returns no rows (17 µs a
    row, asking included; a statement of many rows with RETURNING takes 18).
    """
    ids = orjson.dumps([row["event_id"] for row in rows]).decode()
    stored = set(connection.exec_driver_sql(_WHICH, (ids,)).scalars())
    new = [_driver_values(row) for row in rows if row["event_id"] not in stored]
    if new:
        connection.exec_driver_sql(_INSERT, sorted(new, key=itemgetter(0)))
    return {values[0] for values in new}


def _driver_values(row: Values) -> tuple[Any, ...]:
    values = plain_values(row)
    values[_LABELS] = orjson.dumps(plain_labels(values[_LABELS])).decode()
    if values[_COST] is not None:
        values[_COST] = plain(values[_COST])
    values[_RECEIVED] = moment_text(values[_RECEIVED])
    values[_STORED] = _stored_text(values[_STORED])
    return tuple(values)
