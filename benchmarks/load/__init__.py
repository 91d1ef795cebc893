"""
The load generator: one process, one thread, epoll and raw sockets.

wrk is quicker still, but it is not everywhere and has no open loop, and each delivery must have
a request id of its own: a repeat would be answered from memory. This one costs 15 to 20 µs a
delivery and needs nothing but Linux and the standard library.
"""

import subprocess
import sys

import msgspec

from benchmarks.load.plan import Load, Plan
from benchmarks.programs import BenchError

__all__ = ["Load", "Plan", "drive"]

_GRACE_S = 60.0


def drive(plan: Plan) -> Load:
    """Run the plan in a process of its own; raises `BenchError` where nothing was acknowledged."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=msgspec.json.encode(plan),
        capture_output=True,
        check=False,
        timeout=plan.seconds + _GRACE_S,
    )
    if done.returncode:
        raise BenchError(f"the load generator failed: {done.stderr.decode()[-1500:]}")
    load = msgspec.json.decode(done.stdout, type=Load)
    if not load.acknowledged:
        raise BenchError(f"nothing was acknowledged; answers: {load.answers}")
    return load
