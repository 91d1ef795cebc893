"""Three times more than it can take."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.figures import Figure, compare
from benchmarks.load import Load
from benchmarks.servers.contender import Contender
from benchmarks.servers.start import ingress
from benchmarks.subjects.knee import BODIES, knee
from benchmarks.subjects.subject import Subject

CONNECTIONS = 1000
TIMES = 3
_KNEE = "its own knee"


@dataclass(frozen=True, slots=True)
class _Round:
    knee: float
    overload: Load
    rss_before_mb: float
    rss_after_mb: float


def run(bench: Bench) -> Sequence[Figure]:
    """Measure."""
    with ingress(bench) as ours:
        ours.warm_up(BODIES, CONNECTIONS)
        rounds = []
        for number in range(bench.options.rounds):
            bench.say(f"round {number + 1} of {bench.options.rounds}")
            rounds.append(_round(ours, bench.options.seconds))
    return [_goodput(rounds), _memory(rounds)]


def _round(ours: Contender, seconds: float) -> _Round:
    most = knee(ours, seconds, rounds=1)
    before = ours.rss_mb
    turn = ours.turn(ours.plan(BODIES, CONNECTIONS, 2 * seconds, TIMES * most))
    return _Round(most, turn.load, before, ours.rss_mb)


def _goodput(rounds: Sequence[_Round]) -> Figure:
    unsent = sum(each.overload.unsent for each in rounds)
    spooled = sum(each.overload.spooled for each in rounds)
    refused = sum(each.overload.refused for each in rounds)
    return compare(
        f"1 KB at {TIMES} times the knee, {CONNECTIONS} connections",
        "goodput",
        "deliveries/s",
        [each.overload.per_second for each in rounds],
        [each.knee for each in rounds],
        against=_KNEE,
        aim="≥ 0.9",
        note=f"{refused} refused, {spooled} spooled, {unsent} found no free connection",
    )


def _memory(rounds: Sequence[_Round]) -> Figure:
    return compare(
        f"1 KB at {TIMES} times the knee, {CONNECTIONS} connections",
        "memory",
        "MiB",
        [each.rss_after_mb for each in rounds],
        [each.rss_before_mb for each in rounds],
        against="before the overload",
        aim="flat",
    )


SUBJECT = Subject(
    "overload",
    "What is left of its throughput at three times the knee, and does memory stay flat?",
    "Open loop at three times the closed-loop throughput of the same round, over 1,000"
    " connections. Goodput counts acknowledged deliveries only.",
    run,
)
