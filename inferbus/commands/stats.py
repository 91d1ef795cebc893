"""`inferbus stats`: counts, run time and cost of stored events."""

from pathlib import Path

from consumers.storage import queries
from inferbus.context import command_settings
from inferbus.errors import WrongUsageError
from inferbus.output import Column, emit
from inferbus.questions import open_storage, read_since

_FIGURES = [
    Column("events", justify="right"),
    Column("succeeded", justify="right"),
    Column("failed", justify="right"),
    Column("progress", justify="right"),
    Column("runtime_ms_avg", "ms avg", "right"),
    Column("runtime_ms_max", "ms max", "right"),
    Column("cost_usd", "usd", "right"),
    Column("tokens_input", "tokens in", "right"),
    Column("tokens_output", "tokens out", "right"),
]


def run(
    *,
    by: str | None = None,
    since: str | None = None,
    json: bool = False,
    data_dir: Path | None = None,
) -> int:
    """Show one row for each group, or one for everything."""
    earliest = read_since(since)
    _require_group(by)
    with open_storage(command_settings(data_dir)) as engine:
        rows = queries.stats(engine, by, earliest)
    title = by.partition(":")[2] or by if by else "group"
    columns = [Column("group", title), *_FIGURES] if by else _FIGURES
    emit([row.as_json() for row in rows], json, columns)
    return 0


def _require_group(by: str | None) -> None:
    try:
        queries.require_group(by)
    except ValueError as error:
        raise WrongUsageError(f"--by: {error}") from error
