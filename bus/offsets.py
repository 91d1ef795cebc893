"""Which offsets may be committed: never past a record that is not settled."""

from collections import Counter, deque
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

from bus.records import Position, TopicPartition


class OffsetTracker:
    """
    Received and settled records of all partitions of one member.

    A partition's next offset follows its longest settled run from the first received on.
    """

    def __init__(self) -> None:
        self._received: dict[TopicPartition, deque[int]] = {}
        self._settled: dict[TopicPartition, set[int]] = {}
        self._next: dict[TopicPartition, int] = {}

    def received(self, positions: Iterable[Position]) -> None:
        """Take note of records handed over; an offset seen before means a rewind."""
        for partition, offsets in _by_partition(positions).items():
            waiting = self._received.setdefault(partition, deque())
            for offset in offsets:
                if waiting and offset <= waiting[-1]:
                    self.forget(partition)
                    waiting = self._received.setdefault(partition, deque())
                waiting.append(offset)

    def settled(self, positions: Iterable[Position]) -> None:
        """Take note of records that were handled, parked or skipped."""
        for partition, offsets in _by_partition(positions).items():
            self._settled.setdefault(partition, set()).update(offsets)
            self._advance(partition)

    def unsettled(self) -> Counter[str]:
        """Return how many records of each topic were handed over and are not settled."""
        left: Counter[str] = Counter()
        for partition, waiting in self._received.items():
            left[partition.topic] += len(waiting) - len(self._settled.get(partition, ()))
        return left

    def committable(self) -> dict[TopicPartition, int]:
        """Return the next offset of every partition that has moved since its last commit."""
        return dict(self._next)

    def committed(self) -> None:
        """Take note that what `committable` returned was committed."""
        self._next.clear()

    def forget(self, partition: TopicPartition) -> None:
        """Drop what is known of a partition, because it went to another member or rewound."""
        self._received.pop(partition, None)
        self._settled.pop(partition, None)
        self._next.pop(partition, None)

    def _advance(self, partition: TopicPartition) -> None:
        waiting = self._received.get(partition, deque())
        settled = self._settled[partition]
        while waiting and waiting[0] in settled:
            offset = waiting.popleft()
            settled.discard(offset)
            self._next[partition] = offset + 1
        if not waiting:
            settled.clear()


def partitions_of(positions: Iterable[Position]) -> set[TopicPartition]:
    """Return the partitions in which these lie."""
    return {TopicPartition(topic, number) for topic, number in set(map(_place, positions))}


def _by_partition(positions: Iterable[Position]) -> dict[TopicPartition, list[int]]:
    """Return the offsets of each partition; they come in runs, so each is named once a run."""
    found: dict[TopicPartition, list[int]] = {}
    for (topic, number), run in groupby(positions, _place):
        found.setdefault(TopicPartition(topic, number), []).extend(each.offset for each in run)
    return found


_place = attrgetter("topic", "partition")
