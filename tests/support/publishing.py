"""What the tests of both publishers need."""

import threading

from bus.errors import PublishError, TopicMissingError
from bus.kafka.producing import Answer
from bus.records import Record

PATIENCE_S = 10.0
DELIVERY_TIMEOUT_S = 30.0
RECORD = Record("t", b"k", b"v")


class FakeProducer:
    """Answers at once with the next offset, unless it is told otherwise."""

    def __init__(self) -> None:
        self.sent: list[Record] = []
        self.unanswered: list[Answer] = []
        self.asked_partitions = 0
        self.is_silent = False
        self.error: PublishError | None = None
        self.crash: BaseException | None = None
        self.missing: set[str] = set()
        self.got_one = threading.Event()
        self.was_discarded = threading.Event()
        self.is_closed = False

    def partitions(self, topic: str) -> int:
        self.asked_partitions += 1
        if topic in self.missing:
            raise TopicMissingError(f"no {topic}")
        return 1

    def send(self, record: Record, partition: int, answer: Answer) -> None:
        if self.crash is not None:
            raise self.crash
        self.sent.append(record)
        if self.is_silent:
            self.unanswered.append(answer)
        else:
            answer(self.error or len(self.sent) - 1)
        self.got_one.set()

    def discard(self, timeout_s: float) -> None:
        self.was_discarded.set()

    def end(self, timeout_s: float) -> None:
        self.is_closed = True
