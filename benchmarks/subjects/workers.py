"""Two workers instead of one."""

from collections.abc import Sequence

from benchmarks.bench import Bench
from benchmarks.figures import Figure, compare
from benchmarks.servers.start import bare, ingress
from benchmarks.subjects.duel import BARE, OURS, Case, cpu, duel, throughput
from benchmarks.subjects.subject import Subject

CASE = Case({"1 KB": 1}, 128)
_ONE = "inferbus, 1 worker"


def run(bench: Bench) -> Sequence[Figure]:
    """Measure."""
    with bare(bench, 2) as baseline, ingress(bench) as one, ingress(bench, 2) as two:
        contenders = {BARE: baseline, _ONE: one, OURS: two}
        for contender in contenders.values():
            contender.warm_up(dict(CASE.bodies), CASE.connections)
        turns = duel(bench, CASE, contenders)
    scaling = compare(
        f"{CASE.name}, 2 workers",
        "throughput",
        "deliveries/s",
        [turn.load.per_second for turn in turns[OURS]],
        [turn.load.per_second for turn in turns[_ONE]],
        against=_ONE,
    )
    return [scaling, throughput(CASE, turns), cpu(CASE, turns)]


SUBJECT = Subject(
    "workers",
    "What does a second worker bring?",
    "`inferbus ingest --workers 2` against two processes of bare aiohttp, and against one"
    " worker. On a machine with two cores the load generator and the broker want them too, so a"
    " second worker can bring little there.",
    run,
)
