"""Parking with an acknowledgement: the record lies on the dead letter topic, or an error says."""

from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from bus.deadletter import park_record
from bus.errors import BusUnavailableError, Poison, PublishError, RecordRefusedError, Transient
from bus.protocols import Bus, Publisher
from bus.records import ReceivedRecord
from bus.runtime.metrics import DEADLETTERS

log = structlog.get_logger()

# Beyond the publisher's own verdict (30 s and its watchdog); it only guards against a bug there.
_ACK_TIMEOUT_S = 60.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Parking:
    """One consumer's way onto the dead letter topic. One thread only."""

    def __init__(
        self, bus: Bus, consumer: str, topic: str, now: Callable[[], datetime] = _utc_now
    ) -> None:
        self._bus = bus
        self._consumer = consumer
        self._topic = topic
        self._now = now
        self._publisher: Publisher | None = None

    def park(self, received: ReceivedRecord, verdict: Poison) -> None:
        """
        Return once the broker has acknowledged the parked record.

        Raises `Transient` where it did not, and `RecordRefusedError` where the dead letter
        topic can never take the record: going on would lose it, so the worker must stop.
        """
        record = park_record(
            received, self._consumer, verdict.reason, verdict.detail, self._now(), self._topic
        )
        try:
            place = self._connected().submit(record).result(_ACK_TIMEOUT_S)
        except RecordRefusedError as error:
            raise RecordRefusedError(
                f"{received.position} cannot be parked, raise max.message.bytes of "
                f"{self._topic}: {error}"
            ) from error
        except (PublishError, BusUnavailableError, TimeoutError) as error:
            raise Transient(f"parking was not acknowledged: {error}") from error
        DEADLETTERS.labels(verdict.reason).inc()
        log.warning(
            "record_parked",
            consumer=self._consumer,
            reason=verdict.reason,
            event_id=received.header("ce_id"),
            position=str(received.position),
            parked_at=str(place),
        )

    def close(self) -> None:
        """Close the publisher, if one was needed."""
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None

    def _connected(self) -> Publisher:
        # Made when first needed: most consumers never park anything.
        if self._publisher is None:
            self._publisher = self._bus.publisher(f"{self._consumer}-deadletter")
        return self._publisher
