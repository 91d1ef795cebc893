"""The alarm when a topic's retention has removed records that a consumer had not read."""

from collections import Counter
from collections.abc import Mapping

import structlog

from bus.records import TopicPartition
from bus.runtime.health import Check
from bus.runtime.metrics import RECORDS_LOST

log = structlog.get_logger()


class Losses:
    """One consumer's losses since its start: logged, counted, and named in its health."""

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer
        self._by_topic: Counter[str] = Counter()

    def note(self, lost: Mapping[TopicPartition, int]) -> None:
        """Raise the alarm for what was lost just now."""
        for partition, records in lost.items():
            self._by_topic[partition.topic] += records
            RECORDS_LOST.labels(self._consumer, partition.topic).inc(records)
            log.error(
                "records_lost",
                consumer=self._consumer,
                topic=partition.topic,
                partition=partition.partition,
                records=records,
                reason="the topic's retention removed them before they were read",
            )

    def state(self) -> Check:
        """Name the losses; reading goes on, so they only degrade."""
        if not self._by_topic:
            return Check()
        told = ", ".join(f"{count} of {topic}" for topic, count in sorted(self._by_topic.items()))
        return Check(
            f"retention removed records before {self._consumer} read them: {told};"
            " lengthen it, and see INFERBUS_TOPICS__RETENTION_HOURS (a restart clears this)",
            is_degraded=True,
        )
