"""Catching up: everything that waits, storage and alerting side by side."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from benchmarks.backlog import Backlog, fill
from benchmarks.bench import Bench
from benchmarks.consuming import consumer, read_only, settled
from benchmarks.databases import Sqlite
from benchmarks.figures import Figure, compare
from benchmarks.programs import BenchError, Program
from benchmarks.servers.contender import wait_until
from benchmarks.subjects.alerting import READS
from benchmarks.subjects.subject import Subject

_PATIENCE_S = 3600.0


def run(bench: Bench) -> Sequence[Figure]:
    """Measure once: a backlog of a million takes its time."""
    backlog = fill(bench, bench.options.backlog)
    bench.say(f"reading {backlog.records} records and dropping them")
    bare = backlog.records / read_only(bench, backlog).per_second
    ours = _catch_up(bench, backlog)
    return [
        compare(
            f"{backlog.records:,} records of 1 KB, SQLite",
            "time",
            "s",
            [ours],
            [bare],
            against=READS,
        )
    ]


def _catch_up(bench: Bench, backlog: Backlog) -> float:
    """Return the seconds from the first settled record to the last one of both services."""
    url = Sqlite(bench).fresh()
    made = {name: consumer(bench, name, backlog, url) for name in ("storage", "alerting")}
    with ExitStack() as undo:
        for program, _ in made.values():
            undo.enter_context(program)
        wait_until(lambda: _left(made, backlog.records) < len(made) * backlog.records, 60.0)
        started = time.perf_counter()
        while left := _left(made, backlog.records):
            if time.perf_counter() - started > _PATIENCE_S:
                raise BenchError(f"not caught up after {_PATIENCE_S:g} s: {left} left")
            bench.say(f"catching up: {left:.0f} left")
            time.sleep(0.5)
    return time.perf_counter() - started


def _left(made: Mapping[str, tuple[Program, str]], records: int) -> float:
    return sum(records - settled(admin_url, name) for name, (_, admin_url) in made.items())


SUBJECT = Subject(
    "catch-up",
    "How long do storage and alerting need for what has piled up?",
    "Both services work side by side on one SQLite database; counted from the first settled"
    " record, so without process start and joining the group. The baseline is one kafka-python"
    " consumer reading the same records.",
    run,
)
