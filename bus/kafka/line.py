"""One producer and the sends it has not answered for."""

import threading
from collections.abc import Callable

from bus.errors import PublishError, RecordRefusedError
from bus.kafka.outbox import Send
from bus.kafka.producing import Producer
from bus.kafka.watchdog import Watchdog
from bus.partitioner import Partitioner
from bus.protocols import Outcome
from bus.records import Position

Settle = Callable[[Send, Outcome], None]


class Line:
    """Sends through one producer; its late answers go nowhere once it is abandoned."""

    def __init__(
        self, producer: Producer, settle: Settle, clock: Callable[[], float], watchdog: Watchdog
    ) -> None:
        self._producer = producer
        self._settle = settle
        self._clock = clock
        self._watchdog = watchdog
        self._partitioner = Partitioner()
        self._lock = threading.Lock()
        self._sent: dict[Send, float] = {}
        self._succeeded_at = clock()
        self._has_failed = False

    def send(self, send: Send) -> None:
        """Send; raises `PublishError` where the producer does not take the record."""
        record = send.record
        partition = self._partitioner.choose(record.key, self._producer.partitions(record.topic))
        with self._lock:
            if not self._sent and not self._has_failed:
                # While nothing was sent nothing could succeed: a pause is no run of failures.
                self._succeeded_at = self._clock()
            self._sent[send] = self._clock()
        try:
            self._producer.send(record, partition, lambda got: self._answer(send, partition, got))
        except BaseException:
            self._forget(send)
            raise

    def wedged(self) -> str | None:
        """Return why the producer must be replaced, None while it need not be."""
        oldest = self._oldest()
        if oldest is None:
            return None
        return self._watchdog.verdict(self._clock(), oldest, self._succeeded_at)

    def silent_s(self) -> float:
        """Return how long the oldest send has waited, 0 where none does."""
        oldest = self._oldest()
        return 0.0 if oldest is None else self._clock() - oldest

    def abandon(self, timeout_s: float) -> list[Send]:
        """Close the producer in the background; return what it has not answered for."""
        self._producer.discard(timeout_s)
        with self._lock:
            left, self._sent = list(self._sent), {}
        return left

    def end(self, timeout_s: float) -> None:
        """Send nothing more; what the producer has not answered for fails."""
        self._producer.end(timeout_s)

    def _answer(self, send: Send, partition: int, got: int | PublishError) -> None:
        self._forget(send)
        # A record that is refused for itself says nothing of the producer.
        self._has_failed = not isinstance(got, int | RecordRefusedError)
        if isinstance(got, PublishError):
            self._settle(send, got)
            return
        self._succeeded_at = self._clock()
        self._settle(send, Position(send.record.topic, partition, got))

    def _oldest(self) -> float | None:
        with self._lock:
            return next(iter(self._sent.values()), None)

    def _forget(self, send: Send) -> None:
        with self._lock:
            self._sent.pop(send, None)
