"""What stays of rows that retention has removed: enough to know them when they come again."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, bindparam, delete, select

from consumers.columns import is_one_of, plain_text
from consumers.storage.sinks.mapping import Values
from consumers.storage.tables import CONFLICTS, DEAD_LETTERS, EVENTS, QUARANTINE, SEEN


@dataclass(frozen=True, slots=True)
class Seen:
    """A removed row: the SHA-256 of its bytes, and up to when all under its key was dealt with."""

    sha256: str
    pruned_before: datetime


@dataclass(frozen=True, slots=True)
class Book:
    """
    A table whose rows are removed some day: how they are named, how old, with which bytes.

    `is_renewed` where a row that was removed may rightly be made anew.
    """

    table: Table
    key_of: Callable[[Mapping[str, Any]], str]
    at: Column[Any]
    sha256: Column[Any]
    is_renewed: bool = False

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.name

    def covers(self, seen: Seen, sha256: str, at: datetime | None) -> bool:
        """
        Tell whether what comes now is the removed row again, or no younger than it.

        Other bytes that came later are news: nobody has seen them.
        """
        if at is None or at < seen.pruned_before:
            return True
        return sha256 == seen.sha256 and not self.is_renewed


def conflict_key(event_id: str, sha256: str) -> str:
    """Return the key of a conflict."""
    return plain_text(f"{event_id}#{sha256}")


def parked_key(consumer: str, dl_key: str) -> str:
    """Return the key of a dead letter."""
    return plain_text(f"{consumer}#{dl_key}")


EVENT_BOOK = Book(
    EVENTS, lambda row: plain_text(row["event_id"]), EVENTS.c.received_at, EVENTS.c.body_sha256
)
CONFLICT_BOOK = Book(
    CONFLICTS,
    lambda row: conflict_key(row["event_id"], row["body_sha256"]),
    CONFLICTS.c.received_at,
    CONFLICTS.c.body_sha256,
)
QUARANTINE_BOOK = Book(
    QUARANTINE,
    lambda row: plain_text(row["event_id"]),
    QUARANTINE.c.received_at,
    QUARANTINE.c.body_sha256,
)
PARKED_BOOK = Book(
    DEAD_LETTERS,
    lambda row: parked_key(row["consumer"], row["dl_key"]),
    DEAD_LETTERS.c.parked_at,
    DEAD_LETTERS.c.value_sha256,
    is_renewed=True,  # a replayed record may be parked again
)


# Without retention nothing was ever removed; to look up a batch's ids takes 1 to 3 µs a record.
_IS_THERE_ANY = select(select(SEEN.c.book).where(SEEN.c.book == bindparam("book")).exists())


def seen_under(connection: Connection, book: str, keys: Collection[str]) -> dict[str, Seen]:
    """Return what was removed from a table, by key."""
    if not keys or not connection.execute(_IS_THERE_ANY, {"book": book}).scalar_one():
        return {}
    columns = SEEN.c
    query = select(columns.key, columns.sha256, columns.pruned_before)
    query = query.where(columns.book == book, is_one_of(columns.key, keys, connection.dialect))
    return {row.key: Seen(row.sha256, row.pruned_before) for row in connection.execute(query)}


def take_back(connection: Connection, book: Book, rows: Sequence[Values]) -> list[Values]:
    """
    Delete those of the rows just inserted that were removed before; return them.

    Looked up after the insert: what another process removes meanwhile is seen by then.
    """
    found = seen_under(connection, book.name, {book.key_of(row) for row in rows})
    again = [
        row for row in rows if (seen := found.get(book.key_of(row))) and _covers(book, seen, row)
    ]
    for row in again:
        connection.execute(_delete_own(book, row))
    return again


def _covers(book: Book, seen: Seen, row: Values) -> bool:
    return book.covers(seen, row[book.sha256.name], row[book.at.name])


def _delete_own(book: Book, row: Values) -> Any:
    """Delete the row where it is this one, and not one of the same key that came later."""
    same = [column == row[column.name] for column in (*book.table.primary_key.columns, book.at)]
    return delete(book.table).where(*same)
