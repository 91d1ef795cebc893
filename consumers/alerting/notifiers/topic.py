"""Tells Kafka: publishes alerts on the topic of alerts, for other programs."""

from concurrent.futures import CancelledError

from bus.errors import BusError, RecordRefusedError
from bus.protocols import Publisher
from consumers.alerting.codec import alert_record
from consumers.alerting.notifiers.base import NOTIFY_TIMEOUT_S, NotifyError
from schemas.alert import Alert
from schemas.topics import TopicNames


class TopicNotifier:
    """Publishes each alert and state as one record, keyed by dedup key."""

    name = "topic"

    def __init__(self, publisher: Publisher, topics: TopicNames) -> None:
        self._publisher = publisher
        self._topics = topics

    def notify(self, alert: Alert) -> None:
        """Return once Kafka has acknowledged the record."""
        record = alert_record(alert, self._topics)
        try:
            self._publisher.submit(record).result(NOTIFY_TIMEOUT_S)
        except RecordRefusedError as error:
            raise NotifyError(f"Kafka refused the record: {error}", permanent=True) from error
        except (BusError, CancelledError) as error:
            raise NotifyError(f"Kafka did not acknowledge: {error}") from error
        except TimeoutError as error:
            raise NotifyError(f"no acknowledgement within {NOTIFY_TIMEOUT_S:g} s") from error
