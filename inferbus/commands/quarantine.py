"""`inferbus quarantine`: what could not be understood, and the way back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bus.blobs import open_blobs
from consumers.storage import queries
from inferbus.context import command_settings
from inferbus.errors import ProblemError, WrongUsageError
from inferbus.output import Column, emit
from inferbus.questions import open_bus, open_storage, read_since, show_body, show_facts, write_raw
from inferbus.replay import understand
from inferbus.replay_command import replay, require_choice
from schemas.topics import TopicNames

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from bus.runtime.settings import Settings
    from consumers.storage.rows import StoredQuarantine

_COLUMNS: list[Column | str] = [
    "received_at",
    "reason",
    "event_id",
    "model",
    "detail",
    Column("body_bytes", "bytes", "right"),
    "replayed_at",
]


def run(  # noqa: PLR0913 - each parameter is an option
    action: Literal["list", "show", "replay"],
    *,
    event_id: str | None = None,
    reason: str | None = None,
    every: bool = False,
    yes: bool = False,
    raw: bool = False,
    since: str | None = None,
    limit: int = 50,
    json: bool = False,
    data_dir: Path | None = None,
) -> int:
    """List, show or replay quarantined deliveries."""
    settings = command_settings(data_dir)
    if action == "list":
        return _list(settings, reason, read_since(since), limit, json=json)
    if action == "show":
        return _show(settings, event_id, raw=raw, json=json)
    require_choice(event_id, reason, every=every)
    with open_storage(settings) as engine:
        return _replay(engine, settings, _chosen(engine, event_id, reason), yes=yes, json=json)


def _list(
    settings: "Settings", reason: str | None, since: datetime | None, limit: int, *, json: bool
) -> int:
    with open_storage(settings) as engine:
        found = queries.quarantined(engine, reason=reason, since=since, limit=limit)
    emit([row.as_json() for row in found], json, _COLUMNS)
    return 0


def _show(settings: "Settings", event_id: str | None, *, raw: bool, json: bool) -> int:
    if event_id is None:
        raise WrongUsageError("say which: --id EVENT_ID")
    with open_storage(settings) as engine:
        held = _one(engine, event_id)
    if raw:
        write_raw(held.body(open_blobs(settings.blobs_url)))
        return 0
    show_facts(held.as_json(), json=json)
    if not json:
        show_body(held.body(open_blobs(settings.blobs_url)))
    return 0


def _one(engine: "Engine", event_id: str) -> "StoredQuarantine":
    held = queries.quarantined_one(engine, event_id)
    if held is None:
        raise ProblemError(f"nothing is quarantined under {event_id}")
    return held


def _chosen(engine: "Engine", event_id: str | None, reason: str | None) -> "list[StoredQuarantine]":
    """Return the rows without their bodies; what was replayed before only by its id."""
    if event_id is not None:
        return [_one(engine, event_id)]
    return queries.quarantined(engine, reason=reason, limit=None, is_replayed=False)


def _replay(
    engine: "Engine",
    settings: "Settings",
    chosen: "list[StoredQuarantine]",
    *,
    yes: bool,
    json: bool,
) -> int:
    blobs = open_blobs(settings.blobs_url)
    names = TopicNames(settings.topics.prefix)
    limit = settings.ingest.inline_limit_bytes
    # Read back one by one: a body may have 64 MiB.
    steps = (understand(_one(engine, row.event_id), blobs, names, limit) for row in chosen)
    return replay(
        steps,
        len(chosen),
        lambda: open_bus(settings),
        lambda rows: queries.mark_replayed(engine, rows, datetime.now(UTC)),
        yes=yes,
        json=json,
    )
