"""Retention: rows are removed some days after they were received, a few at a time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import structlog
from sqlalchemy import Engine, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from bus.runtime.metrics import ROWS_PRUNED
from consumers.storage.seen import (
    CONFLICT_BOOK,
    EVENT_BOOK,
    PARKED_BOOK,
    QUARANTINE_BOOK,
    Book,
)
from consumers.storage.tables import SEEN

log = structlog.get_logger()

PRUNE_EVERY_S = 600.0
# A batch holds SQLite's write lock for some milliseconds; the pause after it is storage's.
BATCH = 500
PAUSE_S = 0.2


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Pruner:
    """
    Removes rows older than `retention` and keeps their ids in `seen`.

    Quarantined deliveries and dead letters are removed only once they were replayed: before,
    they are the one copy of something that nobody has dealt with.
    """

    def __init__(
        self,
        engine: Engine,
        retention: timedelta,
        now: Callable[[], datetime] = _utc_now,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._engine = engine
        self._retention = retention
        self._now = now
        self._pause_s = pause_s

    def prune(self, stop: Event) -> int:
        """Remove all that is due, in batches, until `stop` is set; return how many rows."""
        before = self._now() - self._retention
        counts = {book.name: self._prune_book(book, before, stop) for book in _BOOKS}
        if any(counts.values()):
            log.info("rows_pruned", before=before.isoformat(), **counts)
        return sum(counts.values())

    def _prune_book(self, book: Book, before: datetime, stop: Event) -> int:
        total = 0
        while not stop.is_set():
            count = self._prune_batch(book, before)
            total += count
            ROWS_PRUNED.labels(book.name).inc(count)
            if count < BATCH:
                break
            stop.wait(self._pause_s)
        return total

    def _prune_batch(self, book: Book, before: datetime) -> int:
        """Remove a batch in one transaction: no row goes without its id staying."""
        key = list(book.table.primary_key.columns)
        with self._engine.begin() as connection:
            rows = connection.execute(_due(book, before)).mappings().all()
            if not rows:
                return 0
            names = [{**_seen_values(book, row), "pruned_before": before} for row in rows]
            connection.execute(_remember(connection.dialect.name), names)
            keys = [tuple(row[column.name] for column in key) for row in rows]
            connection.execute(delete(book.table).where(tuple_(*key).in_(keys)))
        return len(rows)


_BOOKS = (EVENT_BOOK, CONFLICT_BOOK, QUARANTINE_BOOK, PARKED_BOOK)


def _due(book: Book, before: datetime) -> Any:
    columns = [*book.table.primary_key.columns, book.sha256]
    query = select(*dict.fromkeys(columns)).where(book.at < before)
    if "replayed_at" in book.table.c:
        query = query.where(book.table.c.replayed_at.is_not(None))
    # Another storage process may be at the same rows.
    return query.order_by(book.at).limit(BATCH).with_for_update(skip_locked=True)


def _seen_values(book: Book, row: Any) -> dict[str, Any]:
    return {"book": book.name, "key": book.key_of(row), "sha256": row[book.sha256.name]}


def _remember(dialect: str) -> Any:
    insert = postgresql.insert(SEEN) if dialect == "postgresql" else sqlite.insert(SEEN)
    later = insert.excluded.pruned_before
    return insert.on_conflict_do_update(
        index_elements=[SEEN.c.book, SEEN.c.key],
        set_={"pruned_before": later},
        where=SEEN.c.pruned_before < later,
    )
