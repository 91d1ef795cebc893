"""Storage: rows a second into each database."""

from collections.abc import Sequence

import msgspec

from benchmarks.backlog import Backlog, fill
from benchmarks.bench import Bench
from benchmarks.consuming import Consumed, consume, consumed
from benchmarks.databases import Database, Postgres, Sqlite, with_repeats
from benchmarks.figures import Figure
from benchmarks.programs import BenchError
from benchmarks.subjects.subject import Subject

_RAW = "raw executemany"
_AIMS = {"SQLite": "≥ 15,000/s", "PostgreSQL": "≥ 12,000/s; ratio ≥ 1"}


def run(bench: Bench) -> Sequence[Figure]:
    """Measure."""
    backlog = fill(bench, bench.options.rows)
    figures = _measure(bench, Sqlite(bench), backlog)
    try:
        database = Postgres(bench)
    except BenchError as error:
        why = f"PostgreSQL was not measured: {error}"
        return [*figures[:-1], msgspec.structs.replace(figures[-1], note=why)]
    return figures + _measure(bench, database, backlog)


def _measure(bench: Bench, database: Database, backlog: Backlog) -> list[Figure]:
    ours: list[Consumed] = []
    raw: list[Consumed] = []
    for number in range(bench.options.restarts):
        bench.say(f"{database.name}: round {number + 1} of {bench.options.restarts}")
        url = database.fresh()
        ours.append(consume(bench, "storage", backlog, url))
        rows = database.rows(url)
        _require(len(rows) == backlog.events, f"{len(rows)} rows of {backlog.events} events")
        raw.append(database.write(database.fresh(), with_repeats(rows)))
    case = f"1 KB, 10 % repeats, {database.name}"
    return consumed(case, "record", ours, raw, _RAW, aim=_AIMS[database.name])


def _require(is_so: bool, otherwise: str) -> None:  # noqa: FBT001 - reads like assert
    if not is_so:
        raise BenchError(f"storage has stored {otherwise}")


SUBJECT = Subject(
    "storage",
    "How many records a second does storage settle, beside an executemany of the same rows?",
    "A real `inferbus storage` reads a backlog of 1 KB bodies, every tenth record a repeat, from"
    " the first settled batch to the last; then the rows it has stored are counted, and written"
    " again by a raw executemany (`sqlite3`, psycopg) in transactions of 1,000 with the same"
    " repeats and the same syncing. The raw way neither reads Kafka nor decodes anything. CPU is"
    " the client's; with SQLite that is the whole of it.",
    run,
)
