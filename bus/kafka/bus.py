"""The Kafka bus: makes clients of one cluster."""

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Literal

from bus.kafka.admin import KafkaAdmin
from bus.kafka.connection import (
    KafkaTuning,
    client_options,
    consumer_options,
    group_options,
    producer_options,
)
from bus.kafka.producing import connect_producer
from bus.kafka.publisher import KafkaPublisher
from bus.kafka.reader import KafkaReader
from bus.kafka.subscription import KafkaSubscription
from bus.records import TopicPartition
from bus.runtime.settings import KafkaSettings


class KafkaBus:
    """One Kafka cluster. Nothing is connected before a client is asked for."""

    def __init__(self, settings: KafkaSettings, tuning: KafkaTuning | None = None) -> None:
        self._settings = settings
        self._tuning = tuning or KafkaTuning()

    def publisher(self, client: str) -> KafkaPublisher:
        """Return at once; the publisher connects in its own thread, as often as it must."""
        options = producer_options(self._settings, _client_id(client), self._tuning)
        return KafkaPublisher(lambda: connect_producer(options), self._tuning.delivery_timeout_s)

    def subscribe(self, group: str, topics: Sequence[str], client: str) -> KafkaSubscription:
        """Join a group; raises `BusUnavailableError`, also where a topic is missing."""
        options = consumer_options(self._settings, _client_id(client), self._tuning)
        options |= group_options(group, self._tuning)
        return KafkaSubscription(options, topics, self._tuning.stall_check_s)

    def read(
        self,
        topics: Sequence[str],
        start: Literal["earliest", "latest"] | Mapping[TopicPartition, int] = "earliest",
    ) -> KafkaReader:
        """Read without a group; raises `BusUnavailableError`, also where a topic is missing."""
        options = consumer_options(self._settings, _client_id("reader"), self._tuning)
        return KafkaReader(options, topics, start)

    def admin(self) -> KafkaAdmin:
        """Return a connected admin client; raises `BusUnavailableError`."""
        return KafkaAdmin(client_options(self._settings, _client_id("admin"), self._tuning))


def _client_id(client: str) -> str:
    # Brokers name clients in their logs and quotas: say who and where.
    return f"inferbus-{client}-{socket.gethostname()}-{os.getpid()}"
