"""Records that a topic's retention removed before we read them: the client skips them silently."""

from collections.abc import Iterable, Mapping
from typing import Any

from kafka import TopicPartition as ClientPartition
from kafka.errors import KafkaError

from bus.kafka.errors import unavailable
from bus.records import ReceivedRecord, TopicPartition

_TIMEOUT_MS = 5000


class LossGuard:
    """
    Compares where reading goes on with where it had ended, for one member of a group.

    A gap alone proves nothing, since a transaction leaves one: only what lies before the
    partition's first offset is gone.
    """

    def __init__(self) -> None:
        self._checked: set[ClientPartition] = set()
        self._lost: dict[TopicPartition, int] = {}

    def look(
        self,
        consumer: Any,
        held: Iterable[ClientPartition],
        polled: Mapping[ClientPartition, list[ReceivedRecord]],
        reached: Mapping[ClientPartition, int],
    ) -> None:
        """
        Look after a poll, before anything of it is committed; raises `BusUnavailableError`.

        `reached` are the next offsets as of the poll before.
        """
        held = set(held)
        self._checked &= held
        gaps = {
            at: reached[at]
            for at, records in polled.items()
            if at in reached and records[0].position.offset > reached[at]
        }
        new = held - self._checked
        if not new and not gaps:
            return
        try:
            self._compare(consumer, new, gaps)
        except KafkaError as error:
            raise unavailable(error, "comparing offsets with what the topics hold") from error
        self._checked |= new

    def take(self) -> dict[TopicPartition, int]:
        """Return how many records are gone, by partition, since the last call."""
        lost, self._lost = self._lost, {}
        return lost

    def _compare(
        self, consumer: Any, new: set[ClientPartition], gaps: Mapping[ClientPartition, int]
    ) -> None:
        begins = consumer.beginning_offsets(sorted(new | gaps.keys()), _TIMEOUT_MS)
        expected = dict(gaps)
        for at in new - gaps.keys():
            # Where nothing was ever removed there is nothing to ask.
            if begins.get(at, 0) > 0:
                committed = consumer.committed(at, timeout_ms=_TIMEOUT_MS)
                expected[at] = begins[at] if committed is None else committed
        for at, offset in expected.items():
            if (count := begins.get(at, 0) - offset) > 0:
                partition = TopicPartition(at.topic, at.partition)
                self._lost[partition] = self._lost.get(partition, 0) + count
