"""What is profiled, and under which load."""

from collections.abc import Callable, Mapping

from benchmarks.backlog import fill
from benchmarks.bench import Bench
from benchmarks.consuming import consumer, settled
from benchmarks.databases import Sqlite
from benchmarks.load import drive
from benchmarks.profiles.record import record
from benchmarks.servers.contender import wait_until
from benchmarks.servers.start import ingress

_BODIES = {"1 KB": 1}
_CONNECTIONS = 64
_PATIENCE_S = 600.0

Taken = tuple[str, list[str]]


def _ingress(bench: Bench, seconds: float) -> Taken:
    """Profile the ingress at full speed."""
    with ingress(bench) as ours:
        ours.warm_up(_BODIES, _CONNECTIONS)
        plan = ours.plan(_BODIES, _CONNECTIONS, seconds + 2)
        into = bench.new_folder("profile") / "stacks"
        stacks = record(ours.programs[0].pid, seconds, into, lambda: drive(plan))
    return f"1 KB bodies, {_CONNECTIONS} connections, closed loop, acks=all", stacks


def _storage(bench: Bench, seconds: float) -> Taken:
    """Profile storage while it works off a backlog."""
    backlog = fill(bench, bench.options.rows)
    url = Sqlite(bench).fresh()
    program, admin_url = consumer(bench, "storage", backlog, url)
    into = bench.new_folder("profile") / "stacks"
    with program:
        wait_until(lambda: settled(admin_url, "storage") > 0, 60.0)
        stacks = record(
            program.pid,
            seconds,
            into,
            lambda: wait_until(
                lambda: settled(admin_url, "storage") >= backlog.records, _PATIENCE_S
            ),
        )
    return f"a backlog of {backlog.records:,} records of 1 KB, SQLite", stacks


TARGETS: Mapping[str, Callable[[Bench, float], Taken]] = {"ingress": _ingress, "storage": _storage}
