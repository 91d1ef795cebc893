"""Alerting: events a second."""

from collections.abc import Sequence

from benchmarks.backlog import fill
from benchmarks.bench import Bench
from benchmarks.consuming import consume, consumed, read_only
from benchmarks.databases import Sqlite
from benchmarks.figures import Figure
from benchmarks.subjects.subject import Subject

READS = "a consumer that only reads"


def run(bench: Bench) -> Sequence[Figure]:
    """Measure."""
    backlog = fill(bench, bench.options.rows)
    database = Sqlite(bench)
    ours, bare = [], []
    for number in range(bench.options.restarts):
        bench.say(f"round {number + 1} of {bench.options.restarts}")
        ours.append(consume(bench, "alerting", backlog, database.fresh()))
        bare.append(read_only(bench, backlog))
    case = "1 KB, 10 % failed, SQLite"
    return consumed(case, "event", ours, bare, READS)


SUBJECT = Subject(
    "alerting",
    "How many events a second does alerting judge?",
    "A real `inferbus alerting` with its default rules reads a backlog in which one event in"
    " ten has failed; its windows are counted in a SQLite database, in the transaction that"
    " marks an event as seen. The baseline is kafka-python reading the same records.",
    run,
)
