"""What reading in a group and without one have in common."""

import threading
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import structlog
from kafka import KafkaConsumer
from kafka import TopicPartition as ClientPartition
from kafka.errors import KafkaError

from bus.errors import BusUnavailableError
from bus.kafka.errors import reason, unavailable
from bus.kafka.heartbeats import wait_between_heartbeats
from bus.kafka.opening import open_client
from bus.kafka.unpacking import unpack_quickly
from bus.records import ReceivedRecord, TopicPartition

log = structlog.get_logger()

_CLOSE_TIMEOUT_S = 5.0


def connect_consumer(options: dict[str, Any], topics: Iterable[str]) -> Any:
    """
    Return a consumer that knows all the topics.

    Raises `BusUnavailableError` where it cannot connect or a topic is missing. Metadata that
    arrives only after the first join can stall the client for good, hence before it.
    """
    consumer = open_client(KafkaConsumer, options)
    try:
        _require(consumer, topics)
        unpack_quickly(consumer)
        wait_between_heartbeats(consumer)
    except BaseException:
        close_consumer(consumer)
        raise
    return consumer


def _require(consumer: Any, topics: Iterable[str]) -> None:
    try:
        missing = [name for name in topics if not consumer.partitions_for_topic(name)]
    except KafkaError as error:
        raise unavailable(error, "reading topic metadata") from error
    if missing:
        raise BusUnavailableError(
            f"topics are missing: {', '.join(missing)}; run `inferbus topics create`"
        )


def close_consumer(consumer: Any) -> None:
    """Leave the group and disconnect, within seconds even if the broker does not answer."""

    def close() -> None:
        try:
            consumer.close(autocommit=False, timeout_ms=round(_CLOSE_TIMEOUT_S * 1000))
        except Exception as error:  # noqa: BLE001 - nothing is lost: offsets are committed apart
            log.info("consumer_close_failed", reason=reason(error))

    closing = threading.Thread(target=close, name="kafka-consumer-close", daemon=True)
    closing.start()
    closing.join(_CLOSE_TIMEOUT_S + 1)


def received_records(
    polled: Mapping[ClientPartition, list[ReceivedRecord]],
) -> list[ReceivedRecord]:
    """Return what the client polled, partition by partition."""
    return list(chain.from_iterable(polled.values()))


def known_position(consumer: Any, partition: ClientPartition) -> int | None:
    """
    Return where the client reads on, None while it does not know that yet.

    Its public `position` checks every partition's position anew at each call: asked of 45
    partitions without records, once a batch, it took a fifth of all CPU.
    """
    state = consumer._subscription.assignment.get(partition)  # noqa: SLF001 - see above
    position = None if state is None else state.position
    return None if position is None else int(position.offset)


def ours(partitions: Iterable[ClientPartition]) -> frozenset[TopicPartition]:
    """Return the client's partitions as ours."""
    return frozenset(TopicPartition(at.topic, at.partition) for at in partitions)


def theirs(partition: TopicPartition) -> ClientPartition:
    """Return our partition as the client's."""
    return ClientPartition(partition.topic, partition.partition)
