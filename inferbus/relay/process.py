"""
The relay, as a program of its own: `python -m inferbus.relay.process PARENT_PID SOCKET`.

It ends with the ingress that started it, and by nothing else: a signal that is meant for all
processes of a service must not take away what publishes while the ingress drains.
"""

import signal
import socket
import sys

from bus.die_with_parent import die_with
from bus.runtime.memory import collect_seldom
from bus.runtime.plainly import log_plainly


def main(parent: int, control: int) -> int:
    """Publish until the ingress goes; return the exit status."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if not die_with(parent):
        return 1
    collect_seldom()
    log_plainly()
    from inferbus.relay.serving import run

    return run(socket.socket(fileno=control))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
