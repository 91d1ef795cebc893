"""
A poll that waits while a heartbeat is overdue.

kafka-python 3.0.12 waits no longer than until the next heartbeat is due, and one that the broker
has not answered is due all the time: until the request times out, a poll asked a thousand times a
second, with a core to itself, and left 15 MiB of exceptions that hold each other. Heartbeats are
sent by another thread of the client, whether anybody polls or not.
"""

from typing import Any

_SHORTEST_WAIT_S = 0.1


def wait_between_heartbeats(consumer: Any) -> None:
    """Make the client's consumer wait for records a tenth of a second at least."""
    coordinator = consumer._coordinator  # noqa: SLF001 - it has no such option
    time_to_next_poll = coordinator.time_to_next_poll

    def time_to_wait() -> float:
        """Return the seconds for which a poll may wait for records."""
        return max(_SHORTEST_WAIT_S, float(time_to_next_poll()))

    coordinator.time_to_next_poll = time_to_wait
