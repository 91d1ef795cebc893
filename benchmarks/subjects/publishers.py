"""Both publishers through the real ingress."""

from collections.abc import Sequence

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.servers.start import bare, ingress
from benchmarks.subjects.duel import BARE, OURS, Case, cpu, duel, latency, throughput
from benchmarks.subjects.subject import Subject

CLIENT = "kafka-python's producer"
CASES = (Case({"1 KB": 1}, 128), Case({"1 KB": 1}, 32))
_SETTING = "INFERBUS_KAFKA__PUBLISHER"


def run(bench: Bench) -> Sequence[Figure]:
    """Measure."""
    figures: list[Figure] = []
    with (
        bare(bench) as baseline,
        ingress(bench, settings={_SETTING: "client"}) as client,
        ingress(bench, settings={_SETTING: "direct"}) as direct,
    ):
        contenders = {BARE: baseline, CLIENT: client, OURS: direct}
        for contender in contenders.values():
            contender.warm_up({"1 KB": 1}, 32)
        for case in CASES:
            turns = duel(bench, case, contenders)
            for against in (CLIENT, BARE):
                figures += [throughput(case, turns, against), cpu(case, turns, against)]
            figures.append(latency(case, turns, "p50", CLIENT))
    return figures


SUBJECT = Subject(
    "publishers",
    "What does the direct publisher save over kafka-python's producer?",
    "`INFERBUS_KAFKA__PUBLISHER=direct` against `client`, and against bare aiohttp, in the same"
    " rounds, closed loop.",
    run,
)
