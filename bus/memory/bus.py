"""The in-memory bus: hands out clients of one in-process broker."""

from collections.abc import Mapping, Sequence
from typing import Literal

from bus.errors import BusUnavailableError
from bus.limits import MAX_PUBLISH_BYTES
from bus.memory.admin import MemoryAdmin
from bus.memory.broker import MemoryBroker
from bus.memory.faults import Faults
from bus.memory.publisher import MemoryPublisher
from bus.memory.reader import MemoryReader
from bus.memory.subscription import MemorySubscription
from bus.protocols import TopicConfig
from bus.records import ReceivedRecord, TopicPartition


class MemoryBus:
    """
    A bus within this process; each instance is a cluster of its own, of one broker.

    `topics` are created at once, with `partitions` each.
    """

    def __init__(
        self,
        topics: Sequence[str] = (),
        partitions: int = 3,
        max_record_bytes: int = MAX_PUBLISH_BYTES,
    ) -> None:
        self.faults = Faults()
        self._broker = MemoryBroker()
        self._max_record_bytes = max_record_bytes
        for name in topics:
            self._broker.create(TopicConfig(name, partitions))

    def publisher(self, client: str) -> MemoryPublisher:
        """Return a publisher; it works until it is closed."""
        del client
        return MemoryPublisher(self._broker, self.faults, self._max_record_bytes)

    def subscribe(self, group: str, topics: Sequence[str], client: str) -> MemorySubscription:
        """Join a group; raises `BusUnavailableError` where down or a topic is missing."""
        del client
        self._require(topics)
        return MemorySubscription(self._broker, self.faults, group, tuple(topics))

    def read(
        self,
        topics: Sequence[str],
        start: Literal["earliest", "latest"] | Mapping[TopicPartition, int] = "earliest",
    ) -> MemoryReader:
        """Read without a group; raises `BusUnavailableError` where a topic is missing."""
        self._require(topics)
        return MemoryReader(self._broker, self.faults, topics, start)

    def admin(self) -> MemoryAdmin:
        """Return an admin client."""
        self.faults.refuse_when_down()
        return MemoryAdmin(self._broker)

    def records(self, topic: str) -> list[ReceivedRecord]:
        """Return every record of a topic, partition by partition: a look inside for tests."""
        with self._broker.changed:
            partitions = self._broker.partitions([topic])
            return [record for tp in partitions for record in self._broker.log(tp)]

    def _require(self, topics: Sequence[str]) -> None:
        self.faults.refuse_when_down()
        missing = [name for name in topics if self._broker.topic(name) is None]
        if missing:
            raise BusUnavailableError(f"topics are missing, create them: {', '.join(missing)}")
