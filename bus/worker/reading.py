"""What a worker reads: a batch at a time, and one ahead while the one before is handled."""

from collections.abc import Mapping

from bus.errors import BusUnavailableError
from bus.offsets import OffsetTracker
from bus.protocols import Subscription
from bus.records import TopicPartition
from bus.runtime.metrics import CONSUMER_LAG
from bus.worker.handler import Batch
from bus.worker.losses import Losses

# Two batches are in memory while one is read ahead; of large records one is enough.
_LARGE_BATCH_BYTES = 8 << 20


class BatchReader:
    """
    One subscription's batches, in the order in which they are read.

    Every record is made known to the offsets as soon as it is read, ahead or not: so a
    partition that goes and comes back meanwhile is never committed past what was dropped when
    it went.
    """

    def __init__(
        self,
        consumer: str,
        subscription: Subscription,
        offsets: OffsetTracker,
        losses: Losses,
        poll_s: float,
    ) -> None:
        self._consumer = consumer
        self._subscription = subscription
        self._offsets = offsets
        self._losses = losses
        self._poll_s = poll_s
        self._ahead: Batch = ()
        self._lag: Mapping[TopicPartition, int] = {}

    @property
    def has_ahead(self) -> bool:
        """Whether `next` has a batch at hand."""
        return bool(self._ahead)

    def next(self) -> Batch:
        """Return what was read ahead, or poll; possibly no records."""
        batch, self._ahead = self._ahead, ()
        return batch or self._poll()

    def may_read_ahead(self, in_hand: Batch) -> bool:
        """
        Tell whether a batch is known to wait after the one in hand, and room is for it.

        A poll without one would wait, and hold up the commit.
        """
        return not self._ahead and any(self._lag.values()) and not _is_large(in_hand)

    def read_ahead(self) -> Batch:
        """Poll for the batch that `next` will return, and return it already."""
        self._ahead = self._poll()
        return self._ahead

    def report_lag(self) -> None:
        """Say how many records are not settled: those still to be read, and those at hand."""
        by_topic = self._offsets.unsettled()
        for partition, lag in self._subscription.lag().items():
            by_topic[partition.topic] += lag
        for topic, lag in by_topic.items():
            CONSUMER_LAG.labels(self._consumer, topic).set(lag)

    def _poll(self) -> Batch:
        batch = self._subscription.poll(self._poll_s)
        self._losses.note(self._subscription.lost())
        self._offsets.received(record.position for record in batch)
        self._lag = self._look() if batch else {}
        return batch

    def _look(self) -> Mapping[TopicPartition, int]:
        try:
            return self._subscription.lag()
        except BusUnavailableError:
            return {}  # what was read is handled first; the next call to the broker tells


def _is_large(batch: Batch) -> bool:
    return sum(len(record.value or b"") for record in batch) > _LARGE_BATCH_BYTES
