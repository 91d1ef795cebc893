"""Reading the in-memory bus in a consumer group."""

from bus.errors import BusClosedError
from bus.memory.broker import MemoryBroker
from bus.memory.cursor import Cursor, wait_for_records
from bus.memory.faults import Faults
from bus.records import NextOffsets, ReceivedRecord, TopicPartition


class MemorySubscription:
    """One member of a group; whenever members come or go, it rewinds to what is committed."""

    def __init__(
        self, broker: MemoryBroker, faults: Faults, group: str, topics: tuple[str, ...]
    ) -> None:
        self._broker = broker
        self._faults = faults
        self._group, self._member = broker.join(group, topics)
        self._generation = 0
        self._cursor = Cursor(broker, {})
        self._is_paused = False
        self._is_closed = False

    def poll(self, timeout_s: float) -> list[ReceivedRecord]:
        """Return the next records, up to 500, waiting for them up to the timeout."""
        return wait_for_records(self._broker, self._take, timeout_s)

    def commit(self, next_offsets: NextOffsets) -> None:
        """Store the offsets of the partitions that are still ours."""
        self._faults.refuse_when_down()
        self._broker.commit(self._group, self._member, next_offsets)

    def pause(self) -> None:
        """Hand over nothing until `resume`."""
        self._is_paused = True

    def resume(self) -> None:
        """End a pause."""
        self._is_paused = False

    def assignment(self) -> frozenset[TopicPartition]:
        """Return the partitions of the last poll."""
        return self._cursor.partitions

    def lag(self) -> dict[TopicPartition, int]:
        """Return the records beyond those handed over, per partition."""
        with self._broker.changed:
            return self._cursor.lag()

    def lost(self) -> dict[TopicPartition, int]:
        """Return nothing: no record is ever removed here."""
        return {}

    def close(self) -> None:
        """Leave the group."""
        self._is_closed = True
        self._broker.leave(self._group, self._member)

    def _take(self) -> list[ReceivedRecord]:
        if self._is_closed:
            raise BusClosedError("the subscription is closed")
        if self._generation != self._group.generation:
            self._rejoin()
        if self._is_paused or self._faults.down is not None:
            return []
        return self._cursor.take()

    def _rejoin(self) -> None:
        self._generation = self._group.generation
        share = sorted(self._broker.share(self._group, self._member))
        committed = self._group.committed
        self._cursor = Cursor(self._broker, {tp: committed.get(tp, 0) for tp in share})
