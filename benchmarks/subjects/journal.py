"""Journal first: answered as soon as the delivery is on disk, published afterwards."""

from collections.abc import Sequence

from benchmarks.bench import Bench
from benchmarks.figures import Figure, compare
from benchmarks.load import Plan, drive
from benchmarks.programs import metric
from benchmarks.rounds import interleaved
from benchmarks.servers.contender import Contender, Turn
from benchmarks.servers.start import admin_url_of, bare, ingress
from benchmarks.subjects.duel import (
    BARE,
    OURS,
    Case,
    cpu,
    latency,
    latency_beyond_bare,
    throughput,
)
from benchmarks.subjects.subject import Subject

CASES = (
    Case({"1 KB": 1}, 128, aims={"throughput": "≥ 0.6"}),
    Case({"1 KB": 1}, 32, aims={"p50 beyond bare": "≤ 3 ms"}),
)
SETTINGS = {"INFERBUS_SPOOL__MODE": "always", "INFERBUS_SPOOL__ANSWER": "spool"}


def run(bench: Bench) -> Sequence[Figure]:
    """Measure."""
    figures: list[Figure] = []
    with bare(bench) as baseline, ingress(bench, settings=SETTINGS) as ours:
        contenders = {BARE: baseline, OURS: ours}
        for contender in contenders.values():
            contender.warm_up({"1 KB": 1}, 32)
        for case in CASES:
            figures += _measure(bench, case, contenders)
    return figures


def _measure(bench: Bench, case: Case, contenders: dict[str, Contender]) -> list[Figure]:
    left: list[float] = []

    def measure(name: str) -> Turn:
        at = contenders[name]
        plan = at.plan(dict(case.bodies), case.connections, bench.options.seconds)
        return _turn(at, plan, left) if name == OURS else at.turn(plan)

    turns = interleaved(
        [BARE, OURS], bench.options.rounds, measure, lambda at: bench.say(f"{case.name}: {at}")
    )
    acknowledged = [float(turn.load.acknowledged) for turn in turns[OURS]]
    backlog = compare(
        case.name,
        "backlog",
        "entries",
        left,
        acknowledged,
        against="acknowledged in the round",
        aim="bounded",
    )
    return [
        throughput(case, turns),
        cpu(case, turns),
        latency(case, turns, "p50"),
        latency_beyond_bare(case, turns, "p50"),
        backlog,
    ]


def _turn(ours: Contender, plan: Plan, left: list[float]) -> Turn:
    """Take a turn, and note what is not published yet when the last answer has come."""
    before = ours.cpu_s
    load = drive(plan)
    left.append(metric(admin_url_of(ours), "inferbus_spool_entries"))
    turn = Turn(load, ours.cpu_s - before)
    ours.settle()
    return turn


SUBJECT = Subject(
    "journal",
    "What if every delivery is journaled first and answered from the journal?",
    "`INFERBUS_SPOOL__MODE=always`, `INFERBUS_SPOOL__ANSWER=spool`: answered once it is synced"
    " to disk, published to a real Kafka meanwhile; the next turn begins when the journal is"
    " empty again. CPU is counted up to the last answer, so what is left to publish is not in it.",
    run,
)
