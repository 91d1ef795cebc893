"""Storage: rows a second into each database."""

from collections.abc import Sequence
from operator import itemgetter

import msgspec

from benchmarks.backlog import Backlog, fill
from benchmarks.bench import Bench
from benchmarks.consuming import Consumed, consume, consumed, handwritten
from benchmarks.databases import Database, Postgres, Sqlite, raw, with_repeats
from benchmarks.executemany import COLUMNS, Row
from benchmarks.figures import Figure
from benchmarks.programs import BenchError
from benchmarks.rounds import interleaved
from benchmarks.subjects.subject import Subject

_OURS = "storage"
_HANDWRITTEN = "a hand-written consumer"
_RAW = "raw executemany"
_AIMS = {"SQLite": "≥ 15,000/s", "PostgreSQL": "≥ 12,000/s; ratio ≥ 1"}
_STORED_AT = COLUMNS.index("stored_at")


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
    turns = interleaved(
        [_OURS, _HANDWRITTEN, _RAW],
        bench.options.restarts,
        _Contenders(bench, database, backlog).turn,
        lambda where: bench.say(f"{database.name}: {where}"),
    )
    case = f"1 KB, 10 % repeats, {database.name}"
    ours, by_hand, raw_rows = turns[_OURS], turns[_HANDWRITTEN], turns[_RAW]
    return [
        *consumed(case, "record", ours, by_hand, _HANDWRITTEN, aim=_AIMS[database.name]),
        *consumed(case, "record", ours, raw_rows, _RAW),
    ]


class _Contenders:
    """Each stores the same backlog, or its rows, into a database of its own."""

    def __init__(self, bench: Bench, database: Database, backlog: Backlog) -> None:
        self._bench = bench
        self._database = database
        self._backlog = backlog
        self._rows: list[Row] = []

    def turn(self, name: str) -> Consumed:
        """Measure one of them; storage must have the first turn of all, for the rows."""
        url = self._database.fresh()
        if name == _RAW:
            return raw(url, with_repeats(self._rows))
        if name == _HANDWRITTEN:
            done = handwritten(self._bench, self._backlog, url)
        else:
            done = consume(self._bench, "storage", self._backlog, url)
        self._check(name, self._database.rows(url))
        return done

    def _check(self, name: str, rows: list[Row]) -> None:
        events = self._backlog.events
        _require(len(rows) == events, f"{name} has stored {len(rows)} rows of {events} events")
        if not self._rows:
            self._rows = rows
        _require(_contents(rows) == _contents(self._rows), f"{name} has stored other rows")


def _contents(rows: Sequence[Row]) -> list[Row]:
    """Return all but when they were stored, in the order of their ids."""
    return sorted(((*row[:_STORED_AT], *row[_STORED_AT + 1 :]) for row in rows), key=itemgetter(0))


def _require(is_so: bool, otherwise: str) -> None:  # noqa: FBT001 - reads like assert
    if not is_so:
        raise BenchError(otherwise)


SUBJECT = Subject(
    "storage",
    "How many records a second does storage settle, beside a consumer written by hand, and beside"
    " an executemany of the same rows?",
    "A real `inferbus storage` reads a backlog of 1 KB bodies, every tenth record a repeat, from"
    " the first settled batch to the last. The"
    " [hand-written consumer](../benchmarks/servers/handwritten.py) is what one would write with"
    " the same libraries instead: kafka-python's poll of at most 1,000 records, orjson, the rows"
    " by the driver's executemany (`sqlite3`, psycopg) in one transaction, the commit of the"
    " offsets, and the next. It keeps what storage keeps and loses nothing while all goes well;"
    " it has no answer to a record that is no event, no conflicts, metrics, health or retention."
    " The raw executemany writes rows that it has in memory, in transactions of 1,000: it neither"
    " reads Kafka nor decodes nor commits offsets, so it is no consumer but the most that such"
    " writing can reach. All three sync every commit to disk and write the same repeats; the rows"
    " of both consumers are counted and compared. CPU is the client's; with SQLite that is the"
    " whole of it.",
    run,
)
