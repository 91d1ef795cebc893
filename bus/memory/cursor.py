"""Taking records from a set of partitions, each from its own offset."""

import time
from collections.abc import Callable, Mapping

from bus.memory.broker import MemoryBroker
from bus.records import ReceivedRecord, TopicPartition

MAX_POLL_RECORDS = 500


class Cursor:
    """The offsets that one client will read next. Call under the broker's lock."""

    def __init__(self, broker: MemoryBroker, offsets: Mapping[TopicPartition, int]) -> None:
        self._broker = broker
        self._next = dict(offsets)

    @property
    def partitions(self) -> frozenset[TopicPartition]:
        """The partitions it reads."""
        return frozenset(self._next)

    def take(self) -> list[ReceivedRecord]:
        """Return the next records and move past them."""
        taken: list[ReceivedRecord] = []
        for partition, offset in self._next.items():
            room = MAX_POLL_RECORDS - len(taken)
            records = self._broker.log(partition)[offset : offset + room]
            self._next[partition] = offset + len(records)
            taken += records
        return taken

    def lag(self) -> dict[TopicPartition, int]:
        """Return how many records lie beyond each offset."""
        return {tp: len(self._broker.log(tp)) - offset for tp, offset in self._next.items()}


def wait_for_records(
    broker: MemoryBroker, take: Callable[[], list[ReceivedRecord]], timeout_s: float
) -> list[ReceivedRecord]:
    """Call `take` under the lock until it returns something or the time is over."""
    ends_at = time.monotonic() + timeout_s
    with broker.changed:
        while not (records := take()):
            left_s = ends_at - time.monotonic()
            if left_s <= 0:
                return []
            broker.changed.wait(left_s)
        return records
