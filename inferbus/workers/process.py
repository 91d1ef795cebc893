"""
One worker, as a program of its own: `python -m inferbus.workers.process N PARENT_PID SOCKET`.

Never a fork: the Kafka client and our own threads do not survive one.
"""

import socket
import sys

from bus.die_with_parent import die_with
from bus.runtime.cells import Cells, keep_metrics_in
from bus.runtime.memory import collect_seldom
from bus.runtime.plainly import log_plainly
from inferbus.workers.assignment import Assignment


def main(parent: int, control: int) -> int:
    """Serve until told to stop; return the exit status."""
    if not die_with(parent):
        return 1
    end = socket.socket(fileno=control)
    try:
        assignment = Assignment.receive(end)
    except EOFError:
        return 1
    keep_metrics_in(Cells.opened(assignment.cells))
    collect_seldom()
    log_plainly()
    # Only now: whatever it imports declares metrics.
    from inferbus.workers.serving import run

    return run(assignment, end)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[2:])))
