"""`inferbus list`: stored events, newest first."""

from pathlib import Path

from consumers.storage import queries
from inferbus.context import command_settings
from inferbus.output import Column, emit, say
from inferbus.questions import open_storage, read_outcome, read_since
from schemas.event import Outcome

_COLUMNS: list[Column | str] = [
    "received_at",
    "outcome",
    "request_id",
    "model",
    Column("runtime_ms", "ms", "right"),
    Column("cost_usd", "usd", "right"),
    Column("body_bytes", "bytes", "right"),
    Column("error_message", "error"),
]


def run(
    *,
    outcome: str | None = None,
    model: str | None = None,
    since: str | None = None,
    limit: int = 50,
    json: bool = False,
    data_dir: Path | None = None,
) -> int:
    """List events; with `limit` of them listed it says that there may be more."""
    wanted = None if outcome is None else read_outcome(outcome)
    earliest = read_since(since)
    with open_storage(command_settings(data_dir)) as engine:
        found = queries.events(engine, outcome=wanted, model=model, since=earliest, limit=limit)
    emit([event.as_json() for event in found], json, _COLUMNS)
    if wanted is Outcome.QUARANTINED:
        say("what is quarantined is no event yet: `inferbus quarantine list` shows it")
    if len(found) == limit and not json:
        say(f"the newest {limit}; --limit shows more")
    return 0
