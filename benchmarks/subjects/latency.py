"""Latency at a constant rate, below the knee."""

from collections.abc import Sequence

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.servers.start import bare, ingress
from benchmarks.subjects.duel import BARE, OURS, Case, duel, latency, latency_beyond_bare
from benchmarks.subjects.knee import BODIES, knee
from benchmarks.subjects.subject import Subject

CONNECTIONS = 256
SHARES = (0.5, 0.8)
CONSTANT = 1000.0


def run(bench: Bench) -> Sequence[Figure]:
    """Measure."""
    figures: list[Figure] = []
    with bare(bench) as baseline, ingress(bench) as ours:
        contenders = {BARE: baseline, OURS: ours}
        for contender in contenders.values():
            contender.warm_up(BODIES, CONNECTIONS)
        bench.say("looking for the knee")
        most = knee(ours, bench.options.seconds)
        for case in _cases(most):
            turns = duel(bench, case, contenders)
            figures += [latency(case, turns, measure) for measure in ("p50", "p99")]
            figures.append(latency_beyond_bare(case, turns, "p99"))
    return figures


def _cases(most: float) -> list[Case]:
    constant = Case(BODIES, CONNECTIONS, CONSTANT, {"p99 beyond bare": "≤ 15 ms"})
    return [*(Case(BODIES, CONNECTIONS, share * most) for share in SHARES), constant]


SUBJECT = Subject(
    "latency",
    "How long does a sender wait at 50 % and 80 % of the knee, and at 1,000/s?",
    "Open loop: deliveries are due at a constant rate whatever the answers do, and each latency"
    " begins when its delivery was due, so that a stall is seen by all that waited for it"
    " (free of coordinated omission). The knee is our own closed-loop throughput at 128"
    " connections in the same run; both servers get the same rate.",
    run,
)
