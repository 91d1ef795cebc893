"""What grows with the size of bodies, and with the rows that are stored already."""

from collections.abc import Sequence

from benchmarks.backlog import Backlog, fill
from benchmarks.bench import Bench
from benchmarks.consuming import consume, consumed
from benchmarks.databases import Sqlite, raw
from benchmarks.executemany import COLUMNS, Row
from benchmarks.figures import Figure
from benchmarks.rounds import interleaved
from benchmarks.servers.start import bare, ingress
from benchmarks.subjects.duel import BARE, OURS, Case, cpu, duel
from benchmarks.subjects.subject import Subject

SIZES = ("1 KB", "64 KB", "256 KB", "1024 KB")
_EMPTY = "an empty table"
_CHUNK = 50_000


def run(bench: Bench) -> Sequence[Figure]:
    """Measure."""
    return [*_by_size(bench), *_by_rows(bench)]


def _by_size(bench: Bench) -> list[Figure]:
    figures = []
    with bare(bench) as baseline, ingress(bench) as ours:
        contenders = {BARE: baseline, OURS: ours}
        for contender in contenders.values():
            contender.warm_up({"4 KB": 1}, 16)
        for size in SIZES:
            case = Case({size: 1}, 16)
            figures.append(cpu(case, duel(bench, case, contenders)))
    return figures


def _by_rows(bench: Bench) -> list[Figure]:
    backlog = fill(bench, bench.options.rows)
    database = Sqlite(bench)
    stored = _Stored(bench, database, backlog)
    turns = interleaved(
        [_EMPTY, OURS],
        bench.options.restarts,
        lambda name: consume(bench, "storage", backlog, stored.url(name)),
        lambda where: bench.say(f"{bench.options.stored} rows stored: {where}"),
    )
    return consumed(
        f"storage, {bench.options.stored:,} rows stored, SQLite",
        "record",
        turns[OURS],
        turns[_EMPTY],
        _EMPTY,
    )


class _Stored:
    """Makes databases: empty ones, and copies of one with many rows."""

    def __init__(self, bench: Bench, database: Sqlite, backlog: Backlog) -> None:
        self._database = database
        empty = database.fresh()
        consume(bench, "storage", backlog, empty)
        self._full = database.fresh()
        self._fill(bench, database.rows(empty))

    def url(self, name: str) -> str:
        """Return a database to store into."""
        return self._database.fresh() if name == _EMPTY else self._database.copy(self._full)

    def _fill(self, bench: Bench, rows: Sequence[Row]) -> None:
        for start in range(0, bench.options.stored, _CHUNK):
            bench.say(f"filling the table: {start} rows")
            wanted = range(start, min(start + _CHUNK, bench.options.stored))
            raw(self._full, [_renamed(rows[n % len(rows)], n) for n in wanted])


def _renamed(row: Row, number: int) -> Row:
    """
    Return the row under ids of its own, spread over the index as ours are, and years older.

    What comes is the newest in life, too: at the end of the indexes by time.
    """
    values = dict(zip(COLUMNS, row, strict=True))
    request_id = f"R{number * 2654435761 % 2**32:010d}-{number}"
    received_at = f"2020{values['received_at'][4:]}"  # a leap year, so that every day is one
    values |= {"request_id": request_id, "received_at": received_at}
    return tuple((values | {"event_id": f"deepinfra:{request_id}:succeeded"}).values())


SUBJECT = Subject(
    "growth",
    "Does the price of a delivery grow with its body only as much as reading it does, and does"
    " storing a row cost more when there are many?",
    "Text bodies of 1 KB to 1 MB against bare aiohttp (above 512 KB they go to the blob"
    " directory); storage into a table that holds many rows already against an empty one.",
    run,
)
