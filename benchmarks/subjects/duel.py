"""inferbus against a baseline, turn by turn, under the same load."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.bench import Bench
from benchmarks.figures import Figure, beyond, compare
from benchmarks.load.bodies import MIX
from benchmarks.rounds import interleaved
from benchmarks.servers.contender import Contender, Turn

OURS = "inferbus"
BARE = "bare aiohttp"


@dataclass(frozen=True, slots=True)
class Case:
    """One load, and what is hoped of it; `rate` makes it an open loop."""

    bodies: Mapping[str, int]
    connections: int
    rate: float | None = None
    aims: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the table calls it."""
        what = "mix 90/8/2" if self.bodies == MIX else " ".join(self.bodies)
        rate = "" if self.rate is None else f", {self.rate:.0f}/s"
        return f"{what}, {self.connections} connections{rate}"


def duel(
    bench: Bench, case: Case, contenders: Mapping[str, Contender]
) -> Mapping[str, Sequence[Turn]]:
    """Return each contender's turns, one a round."""
    seconds = bench.options.seconds

    def measure(name: str) -> Turn:
        at = contenders[name]
        return at.turn(at.plan(dict(case.bodies), case.connections, seconds, case.rate))

    return interleaved(
        list(contenders),
        bench.options.rounds,
        measure,
        lambda where: bench.say(f"{case.name}: {where}"),
    )


def throughput(case: Case, turns: Mapping[str, Sequence[Turn]], against: str = BARE) -> Figure:
    """Return acknowledged deliveries a second."""
    return compare(
        case.name,
        "throughput",
        "deliveries/s",
        [turn.load.per_second for turn in turns[OURS]],
        [turn.load.per_second for turn in turns[against]],
        against=against,
        aim=case.aims.get("throughput", ""),
        note=_refusals(turns[OURS]),
    )


def cpu(case: Case, turns: Mapping[str, Sequence[Turn]], against: str = BARE) -> Figure:
    """Return the server's CPU per acknowledged delivery."""
    return compare(
        case.name,
        "CPU",
        "µs/delivery",
        [turn.cpu_us for turn in turns[OURS]],
        [turn.cpu_us for turn in turns[against]],
        against=against,
        aim=case.aims.get("cpu", ""),
    )


def latency(
    case: Case, turns: Mapping[str, Sequence[Turn]], measure: str, against: str = BARE
) -> Figure:
    """Return a latency, "p50" or "p99"."""
    return compare(
        case.name,
        measure,
        "ms",
        [getattr(turn.load, f"{measure}_ms") for turn in turns[OURS]],
        [getattr(turn.load, f"{measure}_ms") for turn in turns[against]],
        against=against,
        aim=case.aims.get(measure, ""),
    )


def latency_beyond_bare(case: Case, turns: Mapping[str, Sequence[Turn]], measure: str) -> Figure:
    """Return by how many milliseconds a latency exceeds bare aiohttp's."""
    return beyond(
        case.name,
        f"{measure} beyond bare",
        "ms",
        [getattr(turn.load, f"{measure}_ms") for turn in turns[OURS]],
        [getattr(turn.load, f"{measure}_ms") for turn in turns[BARE]],
        aim=case.aims.get(f"{measure} beyond bare", ""),
    )


def _refusals(turns: Sequence[Turn]) -> str:
    refused = sum(turn.load.refused for turn in turns)
    spooled = sum(turn.load.spooled for turn in turns)
    cut = sum(turn.load.cut for turn in turns)
    words = [(refused, "refused"), (spooled, "spooled"), (cut, "connections cut")]
    return ", ".join(f"{count} {word}" for count, word in words if count)
