"""`inferbus deadletter`: records a consumer could not handle, and the way back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from consumers.storage import queries
from inferbus.context import command_settings
from inferbus.errors import ProblemError, WrongUsageError
from inferbus.output import emit, say
from inferbus.questions import open_bus, open_storage, read_since, show_body, show_facts, write_raw
from inferbus.replay import put_back
from inferbus.replay_command import replay, require_choice

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from bus.runtime.settings import Settings
    from consumers.storage.rows import StoredDeadLetter

_COLUMNS = ["parked_at", "consumer", "reason", "id", "topic", "detail", "replayed_at"]


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
    """List, show or replay parked records."""
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
        found = queries.dead_letters(engine, reason=reason, since=since, limit=limit)
    # Many a parked record has no event id; without any the table would name what nobody can show.
    shown = [row.as_json() | ({} if json else {"id": row.event_id or row.dl_key}) for row in found]
    emit(shown, json, _COLUMNS)
    return 0


def _show(settings: "Settings", event_id: str | None, *, raw: bool, json: bool) -> int:
    if event_id is None:
        raise WrongUsageError("say which: --id EVENT_ID")
    with open_storage(settings) as engine:
        chosen = _chosen(engine, event_id, None)
        dead = _loaded(engine, chosen[0])
    if len(chosen) > 1:
        say(f"the newest of {len(chosen)}; `inferbus deadletter list` shows them")
    if raw:
        write_raw(dead.value or b"")
        return 0
    show_facts(dead.as_json(), json=json)
    if not json:
        show_body(dead.value or b"")
    return 0


def _loaded(engine: "Engine", listed: "StoredDeadLetter") -> "StoredDeadLetter":
    dead = queries.dead_letter(engine, listed.consumer, listed.dl_key)
    if dead is None:
        raise ProblemError(f"the dead letter {listed.dl_key} was deleted meanwhile")
    return dead


def _chosen(engine: "Engine", event_id: str | None, reason: str | None) -> "list[StoredDeadLetter]":
    """Return the rows without their values; what was replayed before only by its id."""
    if event_id is None:
        return queries.dead_letters(engine, reason=reason, limit=None, is_replayed=False)
    chosen = queries.dead_letters(engine, event_id=event_id, limit=None)
    if not chosen:
        raise ProblemError(f"nothing is parked under {event_id}")
    return chosen


def _replay(
    engine: "Engine",
    settings: "Settings",
    chosen: "list[StoredDeadLetter]",
    *,
    yes: bool,
    json: bool,
) -> int:
    return replay(
        (put_back(_loaded(engine, row)) for row in chosen),
        len(chosen),
        lambda: open_bus(settings),
        lambda rows: queries.mark_replayed(engine, rows, datetime.now(UTC)),
        yes=yes,
        json=json,
    )
