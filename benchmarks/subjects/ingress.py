"""The ingress at full speed, by size of body."""

from collections.abc import Sequence

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.load.bodies import MIX
from benchmarks.servers.start import bare, ingress
from benchmarks.subjects.duel import BARE, OURS, Case, cpu, duel, latency, throughput
from benchmarks.subjects.subject import Subject

CASES = (
    Case({"1 KB": 1}, 128, aims={"throughput": "≥ 0.55", "cpu": "≤ 1.7"}),
    Case({"1 KB": 1}, 32, aims={"p50": "≤ 2.5"}),
    Case({"20 KB": 1}, 32),
    Case({"165 KB": 1}, 16),
    Case({"2 MB": 1}, 8, aims={"cpu": "≤ 3"}),
    Case(MIX, 16, aims={"throughput": "≥ 0.45"}),
)


def run(bench: Bench) -> Sequence[Figure]:
    """Measure."""
    figures: list[Figure] = []
    with bare(bench) as baseline, ingress(bench) as ours:
        contenders = {BARE: baseline, OURS: ours}
        for contender in contenders.values():
            contender.warm_up({"1 KB": 1}, 32)
        for case in CASES:
            turns = duel(bench, case, contenders)
            figures += [throughput(case, turns), cpu(case, turns), latency(case, turns, "p50")]
    return figures


SUBJECT = Subject(
    "ingress",
    "What does a delivery cost that is acknowledged by Kafka, beside one that nobody keeps?",
    "Closed loop: each connection sends as soon as it is answered. Signed URLs, acks=all, one"
    " worker, logging as by default. Bodies of 2 MB go to the blob directory, each synced to"
    " disk, and only a reference to Kafka.",
    run,
)
