"""A real consumer service working off a backlog."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple
from uuid import uuid4

from benchmarks.backlog import Backlog
from benchmarks.bench import Bench
from benchmarks.figures import Figure, compare
from benchmarks.processes import cpu_s
from benchmarks.programs import (
    INFERBUS,
    BenchError,
    Program,
    answers,
    clean_environment,
    metric,
    run_to_end,
)

_PATIENCE_S = 600.0
# A look is a scrape of /metrics, which takes the service some milliseconds.
_LOOK_EVERY_S = 0.5
_FEW_LOOKS = 3  # with a first of none, one record found and all of them
_PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Consumed:
    """How fast records were settled, from the first batch to the last, and for how much CPU."""

    per_second: float
    cpu_us: float


def consume(
    bench: Bench,
    service: Literal["storage", "alerting"],
    backlog: Backlog,
    database_url: str,
) -> Consumed:
    """Run the service, as a new group, until it has settled the whole backlog."""
    program, admin_url = consumer(bench, service, backlog, database_url)
    with program:
        return _watch(program, admin_url, service, backlog.records)


def consumer(
    bench: Bench, service: str, backlog: Backlog, database_url: str
) -> tuple[Program, str]:
    """Return the service, not started yet, and its admin URL."""
    port = bench.port()
    admin_url = f"http://127.0.0.1:{port}"
    folder = bench.new_folder(service)
    settings = {
        **backlog.settings,
        "INFERBUS_DATA_DIR": str(folder),
        "INFERBUS_KAFKA__GROUP_PREFIX": f"bench-{uuid4().hex[:8]}",
        "INFERBUS_STORAGE__URL": database_url,
        f"INFERBUS_{service.upper()}__ADMIN_PORT": str(port),
    }
    program = Program(
        service,
        [INFERBUS, service],
        folder,
        environment=clean_environment(settings),
        is_ready=answers(f"{admin_url}/livez"),
    )
    return program, admin_url


def settled(admin_url: str, service: str) -> float:
    """Return how many records the service has settled."""
    return metric(admin_url, "inferbus_records_total", f'consumer="{service}"')


def consumed(
    case: str,
    each: str,
    ours: Sequence[Consumed],
    theirs: Sequence[Consumed],
    against: str,
    *,
    aim: str = "",
) -> list[Figure]:
    """Return the figures of `each` record or event: how many a second, and CPU for one."""
    return [
        compare(
            case,
            "throughput",
            f"{each}s/s",
            [one.per_second for one in ours],
            [one.per_second for one in theirs],
            against=against,
            aim=aim,
        ),
        compare(
            case,
            "CPU",
            f"µs/{each}",
            [one.cpu_us for one in ours],
            [one.cpu_us for one in theirs],
            against=against,
        ),
    ]


def upgrade(bench: Bench, database_url: str) -> None:
    """Make the tables."""
    environment = clean_environment({"INFERBUS_STORAGE__URL": database_url})
    run_to_end([INFERBUS, "db", "upgrade"], environment, bench.new_folder("db"))


def read_only(bench: Bench, backlog: Backlog) -> Consumed:
    """Return what a consumer does that reads the backlog and drops it."""
    return _baseline(bench, backlog, "benchmarks.servers.consumer")


def handwritten(bench: Bench, backlog: Backlog, database_url: str) -> Consumed:
    """Return what a plain consumer does that stores the backlog by executemany."""
    return _baseline(bench, backlog, "benchmarks.servers.handwritten", database_url)


def _baseline(bench: Bench, backlog: Backlog, module: str, *first: str) -> Consumed:
    topics = [backlog.topics.of("succeeded"), backlog.topics.of("failed")]
    servers = bench.kafka.bootstrap_servers
    done = subprocess.run(  # noqa: S603 - this Python, our own modules
        [sys.executable, "-m", module, *first, servers, str(backlog.records), *topics],
        cwd=_PROJECT,
        capture_output=True,
        check=False,
        timeout=_PATIENCE_S,
    )
    if done.returncode:
        raise BenchError(f"{module} failed: {done.stderr.decode()[-800:]}")
    return Consumed(**json.loads(done.stdout))


class _Look(NamedTuple):
    settled: float
    at: float
    cpu_s: float


def _watch(program: Program, admin_url: str, service: str, wanted: int) -> Consumed:
    """
    Measure from the first look that finds a record to the last one that misses some.

    Not to the one that finds all: by then the service may have been idle for a while.
    """
    looks = [_Look(0.0, 0.0, 0.0)]

    def is_done() -> bool:
        look = _Look(settled(admin_url, service), time.perf_counter(), cpu_s(program.pid))
        if look.settled > looks[-1].settled:
            looks.append(look)
        return look.settled >= wanted

    _until(is_done, program)
    first, last = looks[1], looks[-2] if len(looks) > _FEW_LOOKS else looks[-1]
    counted = max(1.0, last.settled - first.settled)
    return Consumed(
        counted / max(last.at - first.at, _LOOK_EVERY_S),
        (last.cpu_s - first.cpu_s) / counted * 1e6,
    )


def _until(is_so: Callable[[], bool], program: Program) -> None:
    ends_at = time.monotonic() + _PATIENCE_S
    while not is_so():
        if time.monotonic() > ends_at:
            raise BenchError(f"{program.name} does not get on: {program.log_path}")
        time.sleep(_LOOK_EVERY_S)
