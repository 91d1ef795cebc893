"""What the database holds, read with plain SQL: nothing of the product judges itself."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

Key = tuple[str, str]
"""Event id and body's SHA-256 as the row states it."""


@dataclass(frozen=True, slots=True)
class EventRow:
    """A row of `events`; `real_sha256` is taken over the stored bytes, None where they are gone."""

    event_id: str
    request_id: str
    outcome: str
    sha256: str
    real_sha256: str | None
    received_at: str

    @property
    def key(self) -> Key:
        """What it is compared by."""
        return self.event_id, self.sha256


@dataclass(frozen=True, slots=True)
class Told:
    """One alert, recorded or accepted by a receiver: its dedup key and the events it names."""

    dedup_key: str
    samples: tuple[str, ...]


@dataclass
class Stored:
    """The tables; counters count rows, so that a doubled one shows."""

    events: list[EventRow] = field(default_factory=list)
    conflicts: Counter[Key] = field(default_factory=Counter)
    quarantine: Counter[Key] = field(default_factory=Counter)
    dead_letters: int = 0
    current: dict[str, str] = field(default_factory=dict)
    """Event id of the `current_status` row by request id."""
    alerts: list[Told] = field(default_factory=list)
    """What alerting has recorded, whether or not somebody was told."""

    @cached_property
    def keys(self) -> set[Key]:
        """Everything that is kept, whatever the table."""
        return {row.key for row in self.events} | {*self.conflicts} | {*self.quarantine}


def read_stored(url: str) -> Stored:
    """Return what the database at a SQLAlchemy URL holds."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return Stored(
            events=[_event(row) for row in _rows(connection, _EVENTS)],
            conflicts=Counter((row[0], row[1]) for row in _rows(connection, _CONFLICTS)),
            quarantine=Counter((row[0], row[1]) for row in _rows(connection, _QUARANTINE)),
            dead_letters=_rows(connection, "SELECT count(*) FROM dead_letters")[0][0],
            current={row[0]: row[1] for row in _rows(connection, _CURRENT)},
            alerts=[_alert(*row) for row in _rows(connection, _ALERTS)],
        )


_EVENTS = (
    "SELECT event_id, request_id, outcome, body_sha256, received_at, body, body_ref FROM events"
)
_CONFLICTS = "SELECT event_id, body_sha256 FROM conflicts"
_QUARANTINE = "SELECT event_id, body_sha256 FROM quarantine"
_CURRENT = "SELECT request_id, event_id FROM current_status"
_ALERTS = "SELECT dedup_key, samples FROM alerts"


def _rows(connection: Connection, statement: str) -> Any:
    return connection.execute(text(statement)).all()


def _event(row: Any) -> EventRow:
    event_id, request_id, outcome, sha256, received_at, body, body_ref = row
    real = _sha256_of(body, body_ref)
    return EventRow(event_id, request_id, outcome, sha256, real, _moment(received_at))


def _alert(dedup_key: str, samples: object) -> Told:
    # SQLite keeps JSON as text, PostgreSQL's driver reads it.
    names = json.loads(samples) if isinstance(samples, str) else samples
    return Told(dedup_key, tuple(names))


def _moment(value: object) -> str:
    # SQLite keeps text that sorts as time does, PostgreSQL a moment.
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _sha256_of(body: bytes | None, body_ref: str | None) -> str | None:
    if body is None and body_ref is not None:
        blob = Path(unquote(urlsplit(body_ref).path))
        body = blob.read_bytes() if blob.is_file() else None
    return None if body is None else hashlib.sha256(bytes(body)).hexdigest()
