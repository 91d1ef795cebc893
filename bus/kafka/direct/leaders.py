"""Who leads which partition, as one answer to a metadata request told it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Leaders:
    """Leaders by topic and partition (`NOBODY` during an election); never changed, replaced."""

    by_topic: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    denied: frozenset[str] = frozenset()

    def partitions(self, topic: str) -> int | None:
        """Return how many partitions a topic has, None where the topic is not known."""
        leaders = self.by_topic.get(topic)
        return len(leaders) if leaders else None

    def leader(self, topic: str, partition: int) -> int | None:
        """Return a partition's leader, None where there is no such partition."""
        leaders = self.by_topic.get(topic, ())
        return leaders[partition] if partition < len(leaders) else None

    @property
    def nodes(self) -> frozenset[int]:
        """The brokers that lead anything."""
        return frozenset(node for leaders in self.by_topic.values() for node in leaders) - {NOBODY}


def leaders_of(topics: Mapping[str, Mapping[int, int]], denied: frozenset[str]) -> Leaders:
    """Return the leaders out of {topic: {partition: leader}}; gaps count as without a leader."""
    return Leaders(
        {
            topic: tuple(found.get(number, NOBODY) for number in range(max(found) + 1))
            for topic, found in topics.items()
            if found
        },
        denied,
    )
