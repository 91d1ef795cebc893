"""The Kafka bus: makes clients of one cluster."""

import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Literal

from bus.kafka import direct
from bus.kafka.admin import KafkaAdmin
from bus.kafka.connection import (
    KafkaTuning,
    client_options,
    consumer_options,
    group_options,
    producer_options,
)
from bus.kafka.direct import DirectPublisher
from bus.kafka.preflight import Diagnosis, Right, explained, first_obstacle
from bus.kafka.producing import ClientProducer, connect_producer
from bus.kafka.publisher import KafkaPublisher
from bus.kafka.reader import KafkaReader
from bus.kafka.subscription import KafkaSubscription
from bus.protocols import Publisher
from bus.records import TopicPartition
from bus.runtime.settings_sections import KafkaSettings


class KafkaBus:
    """One Kafka cluster. Nothing is connected before a client is asked for."""

    def __init__(self, settings: KafkaSettings, tuning: KafkaTuning | None = None) -> None:
        self._settings = settings
        self._tuning = tuning or KafkaTuning()

    def publisher(self, client: str) -> Publisher:
        """Return at once; the publisher connects in its own thread, as often as it must."""
        diagnosis = Diagnosis(lambda: first_obstacle(self._settings))
        if self._settings.publisher == "direct":
            return self._direct_publisher(client, diagnosis)
        options = producer_options(self._settings, _client_id(client), self._tuning)

        def connect() -> ClientProducer:
            with explained(self._settings):
                return connect_producer(options)

        return KafkaPublisher(connect, self._tuning.delivery_timeout_s, diagnose=diagnosis.reason)

    def _direct_publisher(self, client: str, diagnosis: Diagnosis) -> Publisher:
        options = client_options(self._settings, _client_id(client), self._tuning)
        return DirectPublisher(
            partial(direct.connect, options),
            self._tuning.delivery_timeout_s,
            self._tuning.batch_bytes,
            diagnose=diagnosis.reason,
        )

    def subscribe(self, group: str, topics: Sequence[str], client: str) -> KafkaSubscription:
        """Join a group; raises `BusUnavailableError`, also where a topic is missing."""
        options = consumer_options(self._settings, _client_id(client), self._tuning)
        options |= group_options(group, self._tuning)
        rights = [*_reading(topics), Right("group", group, "READ")]

        def explain() -> AbstractContextManager[None]:
            return explained(self._settings, rights)

        return KafkaSubscription(options, topics, self._tuning.stall_check_s, explain=explain)

    def read(
        self,
        topics: Sequence[str],
        start: Literal["earliest", "latest"] | Mapping[TopicPartition, int] = "earliest",
    ) -> KafkaReader:
        """Read without a group; raises `BusUnavailableError`, also where a topic is missing."""
        options = consumer_options(self._settings, _client_id("reader"), self._tuning)
        with explained(self._settings, _reading(topics)):
            return KafkaReader(options, topics, start)

    def admin(self) -> KafkaAdmin:
        """Return a connected admin client; raises `BusUnavailableError`."""
        with explained(self._settings):
            return KafkaAdmin(client_options(self._settings, _client_id("admin"), self._tuning))


def _reading(topics: Sequence[str]) -> list[Right]:
    return [Right("topic", name, "READ") for name in topics]


def _client_id(client: str) -> str:
    # Brokers name clients in their logs and quotas: say who and where.
    return f"inferbus-{client}-{socket.gethostname()}-{os.getpid()}"
