"""Resident memory of the ingress: idle, under load, afterwards."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.figures import Figure, compare
from benchmarks.load import drive
from benchmarks.load.bodies import MIX
from benchmarks.servers.contender import Contender
from benchmarks.servers.start import bare, ingress
from benchmarks.subjects.subject import Subject

CONNECTIONS = 16
_CALM_S = 2.0
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
    return [
        compare(
            f"mix 90/8/2, {name.replace('_', ' ')}",
            "memory",
            "MiB",
            [getattr(each, name) for each in ours],
            [getattr(each, name) for each in bares],
            aim="≤ 120 MB" if name == "after_load" else "",
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
    drive(at.plan(MIX, CONNECTIONS, 2 * bench.options.seconds))
    done.set()
    watching.join()
    time.sleep(_CALM_S)
    after = at.rss_mb
    at.settle()
    return _Memory(idle, max(most), after)


SUBJECT = Subject(
    "memory",
    "How much memory does the ingress take, and does it give it back?",
    "Resident memory of a fresh process: ready and idle, the most of it during two rounds'"
    " worth of mixed bodies, and two seconds later.",
    run,
)
