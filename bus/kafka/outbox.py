"""Records handed over and not yet answered for: bounded, and each answered exactly once."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from bus.errors import BusClosedError, QueueFullError
from bus.protocols import Outcome, Tell
from bus.records import Record

Settled = tuple["Send", Outcome]


@dataclass(slots=True, eq=False)
class Send:
    """One record on its way, and who waits for its outcome."""

    record: Record
    resolve: Tell
    handed_over_at: float
    size: int = field(init=False)
    """The record's bytes, counted once: the headers make it cost a microsecond."""
    is_answered: bool = field(default=False, init=False)
    may_be_written: bool = field(default=False, init=False)
    """Whether it was sent once already, with no word of how that ended."""

    def __post_init__(self) -> None:
        self.size = self.record.size


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """
    How much may wait for its acknowledgement; the client itself has no limit.

    Both are about a second of full throughput: more would only wait longer while whoever
    hands over has a spool.
    """

    records: int = 10_000
    bytes: int = 64 * 1_048_576


class Outbox:
    """Takes sends from any thread, gives them to the publisher's thread in batches."""

    def __init__(self, limits: OutboxLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._empty = threading.Condition(self._lock)
        self._waiting: list[Send] = []
        self._unanswered: dict[Send, None] = {}  # in the order they came
        self._bytes = 0
        self._is_closed = False

    def put(self, send: Send) -> bool:
        """
        Take a send; return whether it is the first that waits to be taken out.

        Raises `QueueFullError` or `BusClosedError`, and then has not taken it.
        """
        size = send.size
        with self._lock:
            if self._is_closed:
                raise BusClosedError("the publisher is closed")
            if len(self._unanswered) >= self._limits.records:
                raise QueueFullError(f"{self._limits.records} records wait for Kafka")
            # A record larger than the limit must get through an empty outbox.
            if self._unanswered and self._bytes + size > self._limits.bytes:
                raise QueueFullError(f"{self._bytes} bytes wait for Kafka")
            self._unanswered[send] = None
            self._bytes += size
            self._waiting.append(send)
            is_first = len(self._waiting) == 1
            if is_first:
                self._changed.notify()
            return is_first

    @property
    def has_waiting(self) -> bool:
        """Whether `take` would return something at once."""
        return bool(self._waiting)

    def take(self, timeout_s: float) -> list[Send]:
        """Return all that came since the last call, waiting for the first one."""
        with self._lock:
            if timeout_s and not self._waiting and not self._is_closed:
                self._changed.wait(timeout_s)
            taken, self._waiting = self._waiting, []
            return taken

    def answered(self, settled: Iterable[Settled]) -> list[Settled]:
        """Make their room free; return those that had not been answered before."""
        with self._lock:
            fresh = [each for each in settled if not each[0].is_answered]
            for send, _ in fresh:
                send.is_answered = True
                del self._unanswered[send]
                self._bytes -= send.size
            if not self._unanswered:
                self._empty.notify_all()
            return fresh

    def is_answered(self, send: Send) -> bool:
        """Tell whether its outcome is known."""
        with self._lock:
            return send not in self._unanswered

    def oldest_at(self) -> float | None:
        """Return when the oldest whose outcome is not known was handed over."""
        with self._lock:
            oldest = next(iter(self._unanswered), None)
        return None if oldest is None else oldest.handed_over_at

    def unanswered(self) -> list[Send]:
        """Return all whose outcome is not known."""
        with self._lock:
            return list(self._unanswered)

    def close(self) -> None:
        """Take nothing more."""
        with self._lock:
            self._is_closed = True
            self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        """Whether it takes nothing more."""
        return self._is_closed

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until all are answered; return whether they are."""
        with self._lock:
            return self._empty.wait_for(lambda: not self._unanswered, timeout_s)
