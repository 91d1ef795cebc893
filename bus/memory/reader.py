"""Reading the in-memory bus without a group."""

from collections.abc import Mapping, Sequence
from typing import Literal

from bus.errors import BusClosedError
from bus.memory.broker import MemoryBroker
from bus.memory.cursor import Cursor, wait_for_records
from bus.memory.faults import Faults
from bus.records import ReceivedRecord, TopicPartition


class MemoryReader:
    """
    Reads topics from chosen places.

    A mapping as `start` names offsets per partition; partitions it leaves out are not read.
    """

    def __init__(
        self,
        broker: MemoryBroker,
        faults: Faults,
        topics: Sequence[str],
        start: Literal["earliest", "latest"] | Mapping[TopicPartition, int],
    ) -> None:
        self._broker = broker
        self._faults = faults
        self._is_closed = False
        with broker.changed:
            self._cursor = Cursor(broker, self._places(topics, start))

    def poll(self, timeout_s: float) -> list[ReceivedRecord]:
        """Return the next records, waiting for them up to the timeout."""
        return wait_for_records(self._broker, self._take, timeout_s)

    def close(self) -> None:
        """Read no more."""
        self._is_closed = True

    def _take(self) -> list[ReceivedRecord]:
        if self._is_closed:
            raise BusClosedError("the reader is closed")
        return [] if self._faults.down is not None else self._cursor.take()

    def _places(
        self,
        topics: Sequence[str],
        start: Literal["earliest", "latest"] | Mapping[TopicPartition, int],
    ) -> Mapping[TopicPartition, int]:
        if isinstance(start, Mapping):
            return start
        partitions = self._broker.partitions(topics)
        if start == "earliest":
            return dict.fromkeys(partitions, 0)
        return {tp: len(self._broker.log(tp)) for tp in partitions}
