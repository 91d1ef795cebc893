"""Administration of the in-memory bus."""

from collections.abc import Sequence

from bus.memory.broker import MemoryBroker
from bus.protocols import TopicConfig, TopicInfo
from bus.records import TopicPartition


class MemoryAdmin:
    """Creates and describes topics and groups of the in-process broker."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def create_topics(self, topics: Sequence[TopicConfig]) -> list[str]:
        """Create the missing ones; return their names."""
        return [config.name for config in topics if self._broker.create(config)]

    def describe_topics(self, names: Sequence[str]) -> dict[str, TopicInfo]:
        """Return those that exist."""
        found = {name: self._broker.topic(name) for name in names}
        return {
            name: TopicInfo(name, len(topic.partitions), 1, dict(topic.config.settings or {}))
            for name, topic in found.items()
            if topic is not None
        }

    def brokers(self) -> int:
        """Return 1."""
        return 1

    def begin_offsets(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Return 0 for each partition: nothing is ever deleted."""
        return dict.fromkeys(self._broker.partitions(topics), 0)

    def end_offsets(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Return how many records each partition holds."""
        with self._broker.changed:
            return {tp: len(self._broker.log(tp)) for tp in self._broker.partitions(topics)}

    def committed(self, group: str) -> dict[TopicPartition, int]:
        """Return the group's committed next offsets."""
        return self._broker.committed(group)

    def close(self) -> None:
        """Do nothing: there is no connection."""
