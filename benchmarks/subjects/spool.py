"""The spool: while Kafka is away, and while it drains beside live traffic."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.figures import Figure, compare
from benchmarks.load import Load, drive
from benchmarks.programs import metric
from benchmarks.servers.contender import Contender, wait_until
from benchmarks.servers.start import admin_url_of, bare, ingress
from benchmarks.subjects.subject import Subject

BODIES = {"1 KB": 1}
CONNECTIONS = 128
_NODE = 1
# Longer than the publish deadline of 2 s, after which the ingress knows.
_NOTICED_S = 3.0


@dataclass(frozen=True, slots=True)
class _Round:
    bare: Load
    spooling: Load
    draining: Load
    drained_per_second: float
    calm: Load


def run(bench: Bench) -> Sequence[Figure]:
    """Measure."""
    with bare(bench) as baseline, ingress(bench) as ours:
        for contender in (baseline, ours):
            contender.warm_up(BODIES, CONNECTIONS)
        rounds = []
        for number in range(bench.options.rounds):
            bench.say(f"round {number + 1} of {bench.options.rounds}")
            rounds.append(_round(bench, baseline, ours))
    return _figures(rounds)


def _round(bench: Bench, baseline: Contender, ours: Contender) -> _Round:
    seconds = bench.options.seconds
    plan = ours.plan(BODIES, CONNECTIONS, seconds)
    bare_load = drive(baseline.plan(BODIES, CONNECTIONS, seconds))
    bench.kafka.freeze(_NODE)
    try:
        _let_notice(ours)
        spooling = drive(ours.plan(BODIES, CONNECTIONS, 2 * seconds))
    finally:
        bench.kafka.thaw(_NODE)
    draining, drained_per_second = _drain_under_load(ours, seconds)
    ours.settle()
    calm = drive(plan)
    ours.settle()
    return _Round(bare_load, spooling, draining, drained_per_second, calm)


def _let_notice(ours: Contender) -> None:
    """Send until deliveries no longer wait for the publish deadline."""
    drive(ours.plan(BODIES, CONNECTIONS, _NOTICED_S))


def _drain_under_load(ours: Contender, seconds: float) -> tuple[Load, float]:
    """Return the live load and the entries drained a second, once draining has begun."""
    admin_url = admin_url_of(ours)
    drained = metric(admin_url, "inferbus_spool_drained_total")
    wait_until(lambda: metric(admin_url, "inferbus_spool_drained_total") > drained, 30.0)
    drained, started = metric(admin_url, "inferbus_spool_drained_total"), time.perf_counter()
    load = drive(ours.plan(BODIES, CONNECTIONS, seconds))
    drained_now = metric(admin_url, "inferbus_spool_drained_total")
    return load, (drained_now - drained) / (time.perf_counter() - started)


def _figures(rounds: Sequence[_Round]) -> list[Figure]:
    spooled = sum(each.spooling.spooled for each in rounds)
    away = compare(
        "Kafka away, 1 KB, 128 connections",
        "throughput",
        "deliveries/s",
        [each.spooling.per_second for each in rounds],
        [each.bare.per_second for each in rounds],
        note=f"{spooled} spooled",
    )
    live = compare(
        "live traffic while draining, 1 KB, 128 connections",
        "throughput",
        "deliveries/s",
        [each.draining.per_second for each in rounds],
        [each.calm.per_second for each in rounds],
        against="the same with an empty spool",
        aim="> 0.8",
    )
    drain = compare(
        "draining beside live traffic",
        "drained",
        "entries/s",
        [each.drained_per_second for each in rounds],
        [each.draining.per_second for each in rounds],
        against="live deliveries beside it",
    )
    return [away, live, drain]


SUBJECT = Subject(
    "spool",
    "What does an ingress take while Kafka is away, and what does draining cost?",
    "The broker is stopped by SIGSTOP; after some seconds of load the ingress knows, and spools at"
    " once, each delivery synced to disk (group commit). Then the broker goes on,"
    " and the load with it.",
    run,
)
