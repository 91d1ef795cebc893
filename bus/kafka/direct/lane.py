"""One partition's records in their order, and how many of them may go at once."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from bus.kafka.direct.batch import RECORD_FRAME_BYTES
from bus.kafka.outbox import Send
from bus.records import TopicPartition

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 1.0
# More records than any batch holds.
_NO_LIMIT = 1 << 20


@dataclass(slots=True, eq=False)
class Batch:
    """Sends that go as one record batch, and its bytes."""

    lane: "Lane"
    sends: list[Send]
    data: bytes | bytearray = b""


class Lane:
    """
    A partition's sends: those that wait, first come first, and at most one batch in flight.

    So a partition's order is kept whatever must be tried again.
    """

    def __init__(self, at: TopicPartition, batch_bytes: int) -> None:
        self.at = at
        self.waiting: deque[Send] = deque()
        self.in_flight: Batch | None = None
        self.not_before = 0.0
        self.reason: str | None = None
        """Why the latest try failed, None after a success."""
        self._batch_bytes = batch_bytes
        self._most_records = _NO_LIMIT
        self._failures = 0

    def take(self) -> Batch:
        """Take the next batch out of those that wait: one record, or as many as fit."""
        waiting, taken, size = self.waiting, list[Send](), 0
        while waiting and len(taken) < self._most_records:
            size += waiting[0].size + RECORD_FRAME_BYTES
            if taken and size > self._batch_bytes:
                break
            taken.append(waiting.popleft())
        return Batch(self, taken)

    def give_back(self, sends: Iterable[Send]) -> None:
        """Put what a batch held before what waits; those answered for meanwhile are dropped."""
        self.waiting.extendleft(reversed([send for send in sends if not send.is_answered]))

    def drop_answered(self) -> None:
        """Forget those that wait and were answered for."""
        self.waiting = deque(send for send in self.waiting if not send.is_answered)

    def succeeded(self) -> None:
        """Forget the failures; twice as much as the last time may go at once."""
        self._failures = 0
        self.not_before = 0.0
        self.reason = None
        self._most_records = min(2 * self._most_records, _NO_LIMIT)

    def pause(self, now: float, reason: str) -> None:
        """Send nothing for a while, longer from failure to failure."""
        pause_s = min(_FIRST_PAUSE_S * 2 ** min(self._failures, 10), _LONGEST_PAUSE_S)
        self.not_before = now + pause_s
        self._failures += 1
        self.reason = reason

    def at_most(self, records: int) -> None:
        """
        Let the next batch hold no more records.

        What may have been written is sent again as it was, so that it is all that can be
        doubled: during an outage a second of full traffic gathers behind it.
        """
        self._most_records = max(records, 1)

    def batches_too_large(self, size: int) -> None:
        """Keep to batches half as large: the topic takes less than we would send."""
        self._batch_bytes = min(self._batch_bytes, size) // 2
