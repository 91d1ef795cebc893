"""The knee: what a server takes at full speed, beyond which deliveries only wait longer."""

import statistics

from benchmarks.servers.contender import Contender

BODIES = {"1 KB": 1}
CONNECTIONS = 128


def knee(contender: Contender, seconds: float, rounds: int = 2) -> float:
    """Return acknowledged deliveries a second in a closed loop of 128 connections."""
    plan = contender.plan(BODIES, CONNECTIONS, seconds)
    return statistics.median(contender.turn(plan).load.per_second for _ in range(rounds))
