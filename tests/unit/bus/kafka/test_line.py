"""One producer's sends: when it is called wedged, and when it only had nothing to do."""

import pytest

from bus.errors import PublishTimeoutError
from bus.kafka.line import Line
from bus.kafka.outbox import Send
from bus.kafka.producing import Answer
from bus.kafka.watchdog import Watchdog
from bus.records import Record
from tests.support.clock import Clock


class Producer:
    """Keeps what it was asked to send, for the test to answer."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    def partitions(self, topic: str) -> int:
        """Every topic has one."""
        return 1

    def send(self, record: Record, partition: int, answer: Answer) -> None:
        """Keep the answer's way."""
        self.answers.append(answer)

    def discard(self, timeout_s: float) -> None:
        """Nothing to close."""

    def end(self, timeout_s: float) -> None:
        """Nothing to end."""


@pytest.fixture
def producer() -> Producer:
    return Producer()


@pytest.fixture
def line(producer: Producer, clock: Clock) -> Line:
    return Line(producer, lambda send, outcome: send.resolve(outcome), clock, Watchdog(30.0))


def a_send() -> Send:
    """Return a record on its way."""
    return Send(Record("t", b"k", b"v"), [].append, 0.0)


def test_a_pause_is_no_run_of_failures(line: Line, producer: Producer, clock: Clock) -> None:
    """The first record after an hour without traffic is sent like any other."""
    line.send(a_send())
    producer.answers[0](0)
    clock.now += 3600

    line.send(a_send())

    assert line.wedged() is None


def test_failures_count_from_the_last_success(line: Line, producer: Producer, clock: Clock) -> None:
    """Each record times out in turn: after twice the limit the producer is to blame."""
    for number in range(3):
        line.send(a_send())
        clock.now += 30
        producer.answers[number](PublishTimeoutError("late"))

    line.send(a_send())

    assert "none has succeeded for 90 s" in (line.wedged() or "")
