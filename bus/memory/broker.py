"""The state behind the in-memory bus: logs of records, and groups with their members."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Condition

from bus.errors import TopicMissingError
from bus.partitioner import Partitioner
from bus.protocols import TopicConfig
from bus.records import NextOffsets, Position, ReceivedRecord, Record, TopicPartition


@dataclass(slots=True)
class MemoryTopic:
    """One topic: how it was made and a list of records per partition."""

    config: TopicConfig
    partitions: list[list[ReceivedRecord]]


@dataclass(slots=True)
class MemoryGroup:
    """One consumer group; a new `generation` tells its members to take up their shares anew."""

    committed: dict[TopicPartition, int] = field(default_factory=dict)
    members: dict[int, tuple[str, ...]] = field(default_factory=dict)
    generation: int = 0
    joined: int = 0


class MemoryBroker:
    """Topics and groups under one lock; `changed` wakes whoever polls."""

    def __init__(self) -> None:
        self.changed = Condition()
        self._topics: dict[str, MemoryTopic] = {}
        self._groups: dict[str, MemoryGroup] = {}
        self._partitioner = Partitioner()

    def create(self, config: TopicConfig) -> bool:
        """Make a topic; return whether it was missing."""
        with self.changed:
            if config.name in self._topics:
                return False
            self._topics[config.name] = MemoryTopic(config, [[] for _ in range(config.partitions)])
            return True

    def topic(self, name: str) -> MemoryTopic | None:
        """Return a topic, None where it does not exist."""
        return self._topics.get(name)

    def append(self, record: Record) -> Position:
        """Write a record; raises `TopicMissingError`."""
        with self.changed:
            topic = self._topics.get(record.topic)
            if topic is None:
                raise TopicMissingError(f"topic {record.topic} does not exist: create it first")
            number = self._partitioner.choose(record.key, len(topic.partitions))
            log = topic.partitions[number]
            position = Position(record.topic, number, len(log))
            log.append(_received(record, position))
            self.changed.notify_all()
            return position

    def log(self, partition: TopicPartition) -> list[ReceivedRecord]:
        """Return the live list of one partition's records."""
        return self._topics[partition.topic].partitions[partition.partition]

    def partitions(self, topics: Sequence[str]) -> list[TopicPartition]:
        """Return the partitions of those topics that exist, in order."""
        return [
            TopicPartition(name, number)
            for name in topics
            if name in self._topics
            for number in range(len(self._topics[name].partitions))
        ]

    def join(self, name: str, topics: tuple[str, ...]) -> tuple[MemoryGroup, int]:
        """Add a member to a group; return the group and the member's number."""
        with self.changed:
            group = self._groups.setdefault(name, MemoryGroup())
            group.joined += 1
            group.generation += 1
            group.members[group.joined] = topics
            self.changed.notify_all()
            return group, group.joined

    def leave(self, group: MemoryGroup, member: int) -> None:
        """Take a member out; the others take over its partitions."""
        with self.changed:
            if group.members.pop(member, None) is not None:
                group.generation += 1
                self.changed.notify_all()

    def share(self, group: MemoryGroup, member: int) -> frozenset[TopicPartition]:
        """Return a member's partitions: a range of each topic, as Kafka's RangeAssignor gives."""
        topics = group.members.get(member, ())
        return frozenset(tp for topic in topics for tp in self._range(group, member, topic))

    def _range(self, group: MemoryGroup, member: int, topic: str) -> list[TopicPartition]:
        readers = sorted(number for number, topics in group.members.items() if topic in topics)
        partitions = self.partitions([topic])
        each, extra = divmod(len(partitions), len(readers))
        place = readers.index(member)
        first = place * each + min(place, extra)
        return partitions[first : first + each + (place < extra)]

    def commit(self, group: MemoryGroup, member: int, next_offsets: NextOffsets) -> None:
        """Store offsets for the partitions that the member still holds; drop the others."""
        with self.changed:
            held = self.share(group, member)
            group.committed |= {tp: at for tp, at in next_offsets.items() if tp in held}

    def committed(self, name: str) -> dict[TopicPartition, int]:
        """Return a group's committed next offsets."""
        with self.changed:
            group = self._groups.get(name)
            return dict(group.committed) if group else {}


def _received(record: Record, position: Position) -> ReceivedRecord:
    return ReceivedRecord(
        topic=record.topic,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
        position=position,
        timestamp_ms=time.time_ns() // 1_000_000,
    )
