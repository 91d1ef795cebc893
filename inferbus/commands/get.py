"""`inferbus get`: what is known of one job."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from bus.blobs import open_blobs
from consumers.engines import reading
from consumers.storage import queries
from consumers.storage.tables import QUARANTINE
from inferbus.context import command_settings
from inferbus.errors import ProblemError
from inferbus.questions import open_storage, read_outcome, show_facts, write_raw
from schemas.event import Outcome

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from bus.runtime.settings import Settings
    from consumers.storage.rows import StoredEvent, StoredQuarantine


def run(
    *,
    request_id: str,
    outcome: str | None = None,
    raw: bool = False,
    json: bool = False,
    data_dir: Path | None = None,
) -> int:
    """Show the job's row, or write its body's exact bytes; an unknown id is a problem."""
    settings = command_settings(data_dir)
    wanted = None if outcome is None else read_outcome(outcome)
    with open_storage(settings) as engine:
        row = _find(engine, request_id, wanted)
        if row is None:
            raise ProblemError(_unknown(request_id, wanted))
        if raw:
            write_raw(_body(row, settings))
        else:
            show_facts(row.as_json(), json=json)
    return 0


def _find(
    engine: "Engine", asked: str, outcome: Outcome | None
) -> "StoredEvent | StoredQuarantine | None":
    """Find a row by request id, or by the event id that a receipt names."""
    if outcome is Outcome.QUARANTINED:
        return _find_quarantined(engine, asked)
    if outcome is not None:
        return queries.by_outcome(engine, asked, outcome)
    return queries.current(engine, asked) or queries.by_id(engine, asked)


def _find_quarantined(engine: "Engine", asked: str) -> "StoredQuarantine | None":
    if ":" in asked:
        return queries.quarantined_one(engine, asked)
    ending = f":{asked}:{Outcome.QUARANTINED}"
    column = QUARANTINE.c.event_id
    with reading(engine) as connection:
        found = connection.scalars(select(column).where(column.endswith(ending, autoescape=True)))
        # LIKE overlooks case on SQLite.
        ids = [event_id for event_id in found if event_id.endswith(ending)]
    return queries.quarantined_one(engine, ids[0]) if ids else None


def _unknown(request_id: str, outcome: Outcome | None) -> str:
    kind = f"{outcome} event" if outcome else "event"
    return f"no {kind} with request id {request_id} is stored"


def _body(row: "StoredEvent | StoredQuarantine", settings: "Settings") -> bytes:
    return row.body(open_blobs(settings.blobs_url))
