"""The sink for SQLite and PostgreSQL."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, exc, select

from bus.errors import Poison, Transient
from bus.failpoints import reach
from consumers.columns import is_one_of, plain_text
from consumers.storage.content import is_same_content
from consumers.storage.seen import (
    CONFLICT_BOOK,
    EVENT_BOOK,
    PARKED_BOOK,
    QUARANTINE_BOOK,
    Seen,
    seen_under,
    take_back,
)
from consumers.storage.sinks.base import Arrived, Batch, Written
from consumers.storage.sinks.bulk import insert_new_events, rows_of
from consumers.storage.sinks.bulk_values import Collision, Rows
from consumers.storage.sinks.mapping import (
    Values,
    conflict_values,
    dead_letter_values,
    event_values,
    quarantine_values,
)
from consumers.storage.sinks.statements import insert_dead_letters, insert_new
from consumers.storage.sinks.verdicts import UNSTORABLE, verdict_of
from consumers.storage.tables import CONFLICTS, EVENTS, QUARANTINE
from schemas.event import InferenceEvent

# After a collision the next try sees what the other writer has stored.
_TRIES = 10


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqlSink:
    """Writes each batch in one transaction, one statement a table."""

    def __init__(self, engine: Engine, now: Callable[[], datetime] = _utc_now) -> None:
        self._engine = engine
        self._now = now

    def prepare(self, batch: Batch) -> Batch:
        """See `Sink`."""
        with _verdicts():
            return replace(batch, prepared=_firsts(batch.events, self._engine.dialect.name))

    def write(self, batch: Batch) -> Written:
        """See `Sink`."""
        for _ in range(_TRIES):
            with suppress(Collision), _verdicts():
                return self._write(batch)
        raise Transient("database: another writer keeps storing the same events")

    def _write(self, batch: Batch) -> Written:
        with self._engine.begin() as connection:
            written = _write(connection, batch, self._now())
            reach("in-transaction")
            return written


@contextmanager
def _verdicts() -> Iterator[None]:
    """Raise what errors say of a batch."""
    try:
        yield
    except (exc.StatementError, exc.TimeoutError) as error:
        raise verdict_of(error) from error
    except (ValueError, OverflowError) as error:  # a driver's refusal of a value
        raise Poison(UNSTORABLE, str(error)) from error


def _write(connection: Connection, batch: Batch, now: datetime) -> Written:
    firsts = batch.prepared
    if not isinstance(firsts, _Firsts):
        firsts = _firsts(batch.events, connection.dialect.name)
    written = _write_events(connection, batch.events, firsts, now)
    held = [quarantine_values(each, now) for each in batch.quarantined]
    insert_new(connection, QUARANTINE, held)
    take_back(connection, QUARANTINE_BOOK, held)
    parked = [dead_letter_values(each, now) for each in batch.dead_letters]
    insert_dead_letters(connection, parked)
    take_back(connection, PARKED_BOOK, parked)
    return written


@dataclass(frozen=True, slots=True)
class _Firsts:
    """The first of each event in a batch, by plain id: where it is in the batch, and its row."""

    places: Mapping[str, int]
    rows: Rows


def _firsts(arrived: Sequence[Arrived[InferenceEvent]], dialect: str) -> _Firsts:
    places: dict[str, int] = {}
    for at, each in enumerate(arrived):
        places.setdefault(plain_text(each.content.id), at)
    events = {event_id: arrived[at] for event_id, at in places.items()}
    return _Firsts(places, rows_of(events, dialect))


def _write_events(
    connection: Connection,
    arrived: Sequence[Arrived[InferenceEvent]],
    firsts: _Firsts,
    now: datetime,
) -> Written:
    places = firsts.places
    new = insert_new_events(connection, firsts.rows, now)
    removed = _take_back_events(connection, new)
    new -= removed.keys()
    stored_at = {places[event_id] for event_id in new}
    others = _others(arrived, stored_at, now)
    repeats = [row for row in others if row["event_id"] not in removed]
    late = [row for row in others if _is_news(row, removed.get(row["event_id"]))]
    repeated = {row["event_id"] for row in repeats} & new
    stored = {event_id: event_values(arrived[places[event_id]], now) for event_id in repeated}
    conflicts = _insert_conflicts(connection, _differing(connection, repeats, stored) + late)
    return Written([arrived[at].content for at in sorted(stored_at)], conflicts)


def _others(
    arrived: Sequence[Arrived[InferenceEvent]], stored_at: Collection[int], now: datetime
) -> list[Values]:
    """
    Return the rows that were not stored, but those that say the same as one just stored.

    Most repeats are such ones, and a row takes 4 µs.
    """
    stored = {(arrived[at].content.id, arrived[at].content.body_sha256) for at in stored_at}
    return [
        event_values(each, now)
        for at, each in enumerate(arrived)
        if at not in stored_at and (each.content.id, each.content.body_sha256) not in stored
    ]


def _take_back_events(connection: Connection, event_ids: Collection[str]) -> dict[str, Seen]:
    """Delete the rows under whose ids retention has removed one; return what it left of those."""
    seen = seen_under(connection, EVENT_BOOK.name, event_ids)
    if seen:
        connection.execute(delete(EVENTS).where(EVENTS.c.event_id.in_(sorted(seen))))
    return seen


def _is_news(row: Values, seen: Seen | None) -> bool:
    """Tell whether content came under the id of a removed event that nobody has seen."""
    if seen is None:
        return False
    return not EVENT_BOOK.covers(seen, row["body_sha256"], row["received_at"])


def _insert_conflicts(connection: Connection, rows: Sequence[Values]) -> int:
    """Keep content that came under a stored id; return how many of it are new."""
    values = {(row["event_id"], row["body_sha256"]): conflict_values(row) for row in reversed(rows)}
    keys = insert_new(connection, CONFLICTS, list(values.values()))
    inserted = [values[key.event_id, key.body_sha256] for key in keys]
    return len(inserted) - len(take_back(connection, CONFLICT_BOOK, inserted))


def _differing(
    connection: Connection, repeats: Sequence[Values], just_stored: Mapping[str, Values]
) -> list[Values]:
    """Return those repeats whose content is not the stored one's."""
    hashes = _stored(connection, "body_sha256", repeats, just_stored)
    others = [row for row in repeats if row["body_sha256"] != hashes[row["event_id"]]]
    bodies = _stored(connection, "body", others, just_stored)
    return [row for row in others if not _is_same(row["body"], bodies[row["event_id"]])]


def _is_same(one: bytes | None, other: bytes | None) -> bool:
    # A body in the blob store is compared by its hash alone.
    return one is not None and other is not None and is_same_content(one, other)


def _stored(
    connection: Connection,
    column: str,
    rows: Iterable[Values],
    just_stored: Mapping[str, Values],
) -> dict[str, Any]:
    """Return one column of the stored events with these rows' ids."""
    wanted = {row["event_id"] for row in rows}
    found = {each: just_stored[each][column] for each in wanted & just_stored.keys()}
    elsewhere = wanted - just_stored.keys()
    if elsewhere:
        query = select(EVENTS.c.event_id, EVENTS.c[column])
        query = query.where(is_one_of(EVENTS.c.event_id, elsewhere, connection.dialect))
        found |= {row[0]: row[1] for row in connection.execute(query)}
    if wanted - found.keys():
        # Someone deleted it after the insert was skipped: the next try stores it.
        raise Transient("an event was deleted from the database while it was compared")
    return found
