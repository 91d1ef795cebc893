"""Reading Kafka without a group."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from kafka import TopicPartition as ClientPartition
from kafka.errors import IllegalStateError, KafkaError

from bus.errors import BusClosedError
from bus.kafka.consuming import close_consumer, connect_consumer, received_records, theirs
from bus.kafka.errors import unavailable
from bus.records import ReceivedRecord, TopicPartition


class KafkaReader:
    """
    Reads topics from chosen places.

    A mapping as `start` names offsets per partition; partitions it leaves out are not read.
    """

    def __init__(
        self,
        options: dict[str, Any],
        topics: Sequence[str],
        start: Literal["earliest", "latest"] | Mapping[TopicPartition, int],
    ) -> None:
        self._consumer = connect_consumer(options, topics)
        try:
            self._place(topics, start)
        except KafkaError as error:
            self.close()
            raise unavailable(error, "finding where to read") from error

    def poll(self, timeout_s: float) -> list[ReceivedRecord]:
        """Return the next records; raises `BusUnavailableError`, `BusClosedError`."""
        try:
            return received_records(self._consumer.poll(timeout_ms=round(timeout_s * 1000)))
        except IllegalStateError as error:
            raise BusClosedError("the reader is closed") from error
        except KafkaError as error:
            raise unavailable(error, "reading") from error

    def close(self) -> None:
        """Disconnect."""
        close_consumer(self._consumer)

    def _place(
        self,
        topics: Sequence[str],
        start: Literal["earliest", "latest"] | Mapping[TopicPartition, int],
    ) -> None:
        if isinstance(start, Mapping):
            offsets = {theirs(partition): offset for partition, offset in start.items()}
        else:
            offsets = self._offsets(topics, start)
        self._consumer.assign(list(offsets))
        # Sought now: "latest" means later than this call, not than the first poll.
        for partition, offset in offsets.items():
            self._consumer.seek(partition, offset)

    def _offsets(
        self, topics: Sequence[str], start: Literal["earliest", "latest"]
    ) -> dict[ClientPartition, int]:
        partitions = [
            ClientPartition(topic, number)
            for topic in topics
            for number in sorted(self._consumer.partitions_for_topic(topic))
        ]
        if start == "earliest":
            return dict(self._consumer.beginning_offsets(partitions))
        return dict(self._consumer.end_offsets(partitions))
