"""Resident memory of the ingress: idle, under load, afterwards."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.figures import Figure, compare
from benchmarks.load.bodies import MIX
from benchmarks.servers.contender import Contender
from benchmarks.servers.start import bare, ingress
from benchmarks.subjects.subject import Subject

CONNECTIONS = 16
_CALM_S = 2.0
_PIECE_S = 2.0
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class _Memory:
    idle: float
    under_load: float
    after_load: float


def run(bench: Bench) -> Sequence[Figure]:
    """Measure: a fresh process a round."""
    ours, bares = [], []
    for number in range(bench.options.restarts):
        bench.say(f"round {number + 1} of {bench.options.restarts}")
        with ingress(bench) as contender:
            ours.append(_memory(bench, contender))
        with bare(bench) as contender:
            bares.append(_memory(bench, contender))
    load = f"after {bench.options.hour:,} deliveries"
    return [
        compare(
            f"mix 90/8/2, {name.replace('_', ' ')}",
            "memory",
            "MiB",
            [getattr(each, name) for each in ours],
            [getattr(each, name) for each in bares],
            aim="≤ 120 MB" if name == "after_load" else "",
            note=load if name == "after_load" else "",
        )
        for name in ("idle", "under_load", "after_load")
    ]


def _memory(bench: Bench, at: Contender) -> _Memory:
    time.sleep(_CALM_S / 2)
    idle = at.rss_mb
    most = [idle]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK_EVERY_S):
            most.append(at.rss_mb)

    watching = threading.Thread(target=watch, name="memory")
    watching.start()
    try:
        _take_an_hour(bench, at)
    finally:
        done.set()
        watching.join()
    time.sleep(_CALM_S)
    return _Memory(idle, max(most), at.rss_mb)


def _take_an_hour(bench: Bench, at: Contender) -> None:
    """Send an hour's worth, in pieces: after each its bodies are deleted from the disk."""
    plan = at.plan(MIX, CONNECTIONS, _PIECE_S)
    taken = 0
    while taken < bench.options.hour:
        taken += at.turn(plan).load.acknowledged
        bench.say(f"{taken} of {bench.options.hour} deliveries")


SUBJECT = Subject(
    "memory",
    "How much memory does the ingress take, and does it give it back?",
    "Resident memory of a fresh process: ready and idle, the most of it during an hour's worth of"
    " mixed bodies at full speed (in the long form 36,000: ten a second), and two seconds later.",
    run,
)
