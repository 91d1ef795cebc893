"""One producer client, as the publisher uses it."""

import threading
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from bus.errors import PublishError, RecordRefusedError, TopicMissingError
from bus.kafka.errors import publish_error, reason
from bus.kafka.opening import open_client
from bus.limits import MAX_PUBLISH_BYTES
from bus.records import Record

log = structlog.get_logger()

Answer = Callable[[int | PublishError], None]


class Producer(Protocol):
    """A connected client. Used from one thread; answers come on a thread of its own."""

    def partitions(self, topic: str) -> int:
        """Return how many there are, blocking up to a second; raises `TopicMissingError`."""
        ...

    def send(self, record: Record, partition: int, answer: Answer) -> None:
        """
        Hand a record over; `answer` gets its offset or a `PublishError`, once.

        Raises a `PublishError` where the client does not take the record.
        """
        ...

    def discard(self, timeout_s: float) -> None:
        """Close in the background; nothing is waited for."""
        ...

    def end(self, timeout_s: float) -> None:
        """Return once it sends nothing more, or after the timeout; what is under way fails."""
        ...


class ClientProducer:
    """kafka-python's producer."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def partitions(self, topic: str) -> int:
        """Return how many there are, from memory but for the first time."""
        try:
            return len(self._client.partitions_for(topic))
        except KafkaTimeoutError as error:
            raise TopicMissingError(
                f"Kafka does not know topic {topic}: run `inferbus topics create`"
            ) from error
        except KafkaError as error:
            raise publish_error(error, topic) from error
        except ValueError as error:
            raise RecordRefusedError(str(error)) from error

    def send(self, record: Record, partition: int, answer: Answer) -> None:
        """Hand a record over to the client's own queue."""
        try:
            future = self._client.send(
                record.topic,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                partition=partition,
            )
        except KafkaError as error:
            raise publish_error(error, record.topic) from error
        except (ValueError, TypeError) as error:
            raise RecordRefusedError(f"no record for {record.topic}: {error}") from error
        future.add_callback(lambda written: answer(written.offset))
        future.add_errback(lambda error: answer(publish_error(error, record.topic)))

    def discard(self, timeout_s: float) -> None:
        """Close in a thread: the client's close waits for what it cannot deliver, or raises."""
        thread = threading.Thread(
            target=self._close, args=(timeout_s,), name="kafka-producer-close", daemon=True
        )
        thread.start()

    def end(self, timeout_s: float) -> None:
        """Stop the client's thread: its own close would go on sending, for as long as it waits."""
        sender = self._client._sender  # noqa: SLF001 - close(0) raises before it comes to this
        sender.force_close()
        sender.join(timeout_s)
        self._close(0)

    def _close(self, timeout_s: float) -> None:
        try:
            self._client.close(timeout_s)
        except Exception as error:  # noqa: BLE001 - its records have been answered for already
            log.warning("producer_close_failed", reason=reason(error))


def connect_producer(options: dict[str, Any]) -> ClientProducer:
    """Return a connected producer; raises `BusUnavailableError`."""
    limit = {"max_request_size": MAX_PUBLISH_BYTES}
    return ClientProducer(open_client(KafkaProducer, options | limit))
