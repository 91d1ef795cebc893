"""The sink for SQLite and PostgreSQL."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, exc, select

from bus.errors import Poison, Transient
from consumers.storage.content import is_same_content
from consumers.storage.sinks.base import Arrived, Batch, Written
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


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqlSink:
    """Writes each batch in one transaction, one statement a table."""

    def __init__(self, engine: Engine, now: Callable[[], datetime] = _utc_now) -> None:
        self._engine = engine
        self._now = now

    def write(self, batch: Batch) -> Written:
        """Store the whole batch durably, or raise a verdict and have stored nothing of it."""
        try:
            with self._engine.begin() as connection:
                return _write(connection, batch, self._now())
        except (exc.StatementError, exc.TimeoutError) as error:
            raise verdict_of(error) from error
        except (ValueError, OverflowError) as error:  # a driver's refusal of a value
            raise Poison(UNSTORABLE, str(error)) from error


def _write(connection: Connection, batch: Batch, now: datetime) -> Written:
    written = _write_events(connection, batch.events, now)
    insert_new(connection, QUARANTINE, [quarantine_values(a, now) for a in batch.quarantined])
    insert_dead_letters(connection, [dead_letter_values(d, now) for d in batch.dead_letters])
    return written


def _write_events(
    connection: Connection, arrived: Sequence[Arrived[InferenceEvent]], now: datetime
) -> Written:
    rows = [event_values(each, now) for each in arrived]
    firsts: dict[str, Values] = {}
    for row in rows:
        firsts.setdefault(row["event_id"], row)
    new = {key.event_id for key in insert_new(connection, EVENTS, list(firsts.values()))}
    is_new = [row["event_id"] in new and row is firsts[row["event_id"]] for row in rows]
    repeats = [row for row, is_first in zip(rows, is_new, strict=True) if not is_first]
    stored = {event_id: firsts[event_id] for event_id in new}
    conflicts = _insert_conflicts(connection, repeats, stored)
    events = [each.content for each, is_first in zip(arrived, is_new, strict=True) if is_first]
    return Written(events, conflicts)


def _insert_conflicts(
    connection: Connection, repeats: Sequence[Values], just_stored: Mapping[str, Values]
) -> int:
    """Keep those repeats whose content is not the stored one's; return how many are new."""
    hashes = _stored(connection, "body_sha256", repeats, just_stored)
    others = [row for row in repeats if row["body_sha256"] != hashes[row["event_id"]]]
    bodies = _stored(connection, "body", others, just_stored)
    differing = [row for row in others if not _is_same(row["body"], bodies[row["event_id"]])]
    return len(insert_new(connection, CONFLICTS, [conflict_values(row) for row in differing]))


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
    elsewhere = sorted(wanted - just_stored.keys())
    if elsewhere:
        query = select(EVENTS.c.event_id, EVENTS.c[column])
        query = query.where(EVENTS.c.event_id.in_(elsewhere))
        found |= {row[0]: row[1] for row in connection.execute(query)}
    if wanted - found.keys():
        # Someone deleted it after the insert was skipped: the next try stores it.
        raise Transient("an event was deleted from the database while it was compared")
    return found
