"""The publisher's thread: bounded, never stuck, every record answered for exactly once."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from bus.errors import (
    BusClosedError,
    BusUnavailableError,
    PublishError,
    PublishTimeoutError,
    QueueFullError,
    RecordRefusedError,
    TopicMissingError,
)
from bus.kafka.outbox import OutboxLimits
from bus.kafka.producing import Answer, Producer
from bus.kafka.publisher import KafkaPublisher
from bus.limits import MAX_PUBLISH_BYTES
from bus.records import Position, Record

DELIVERY_TIMEOUT_S = 30.0
PATIENCE_S = 10.0
RECORD = Record("t", b"k", b"v")


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


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
        self.was_ended = False

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
        self.was_ended = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def producers() -> list[FakeProducer]:
    """What connecting gives, one after the other."""
    return [FakeProducer(), FakeProducer()]


Make = Callable[..., KafkaPublisher]


@pytest.fixture
def make(clock: Clock, producers: list[FakeProducer], request: pytest.FixtureRequest) -> Make:
    """Make publishers that are closed at the end."""
    coming = iter(producers)

    def make(
        limits: OutboxLimits | None = None, connect: Callable[[], Producer] | None = None
    ) -> KafkaPublisher:
        publisher = KafkaPublisher(
            connect or (lambda: next(coming)), DELIVERY_TIMEOUT_S, limits, clock
        )
        request.addfinalizer(lambda: publisher.close(0))
        return publisher

    return make


def error_of(publisher: KafkaPublisher, record: Record = RECORD) -> BaseException | None:
    return publisher.submit(record).exception(PATIENCE_S)


async def test_a_record_gets_its_position(make: Make) -> None:
    """Awaited or not."""
    publisher = make()

    assert await publisher.publish(RECORD) == Position("t", 0, 0)
    assert publisher.submit(RECORD).result(PATIENCE_S) == Position("t", 0, 1)
    assert publisher.healthy() is None


async def test_a_refusal_is_the_records_own_fault(
    make: Make, producers: list[FakeProducer]
) -> None:
    """The publisher stays healthy and the next record goes through."""
    publisher = make()
    await publisher.publish(RECORD)
    producers[0].error = RecordRefusedError("no")
    with pytest.raises(RecordRefusedError):
        await publisher.publish(RECORD)
    producers[0].error = None

    assert publisher.healthy() is None
    assert (await publisher.publish(RECORD)).offset == 2


def test_an_oversized_record_is_refused_before_it_is_queued(
    make: Make, producers: list[FakeProducer]
) -> None:
    """The producer never sees it."""
    assert isinstance(
        error_of(make(), Record("t", b"k", b"x" * MAX_PUBLISH_BYTES)), RecordRefusedError
    )
    assert producers[0].sent == []


def test_the_number_of_waiting_records_is_bounded(
    make: Make, producers: list[FakeProducer]
) -> None:
    """One too many fails at once; an answer makes room."""
    producers[0].is_silent = True
    publisher = make(OutboxLimits(records=2))
    first, second = publisher.submit(RECORD), publisher.submit(RECORD)

    assert isinstance(publisher.submit(RECORD).exception(0), QueueFullError)

    while len(producers[0].unanswered) < 2:
        assert producers[0].got_one.wait(PATIENCE_S)
    producers[0].unanswered.pop(0)(0)
    assert first.result(PATIENCE_S).offset == 0
    assert not publisher.submit(RECORD).done()
    assert not second.done()


def test_the_bytes_of_waiting_records_are_bounded(
    make: Make, producers: list[FakeProducer]
) -> None:
    """But for a record that waits alone: it could never go otherwise."""
    producers[0].is_silent = True
    publisher = make(OutboxLimits(bytes=100))

    alone = publisher.submit(Record("t", b"k", b"x" * 500))

    assert isinstance(publisher.submit(RECORD).exception(0), QueueFullError)
    assert not alone.done()

    assert producers[0].got_one.wait(PATIENCE_S)
    producers[0].unanswered.pop(0)(0)
    assert alone.result(PATIENCE_S).offset == 0
    first, second = publisher.submit(Record("t", b"k", b"x" * 80)), publisher.submit(RECORD)
    assert not first.done()
    assert not second.done()


def test_records_wait_for_a_connection(make: Make, clock: Clock) -> None:
    """The publisher tries again by itself, and says why it cannot meanwhile."""
    producer, tried, way = FakeProducer(), threading.Event(), threading.Event()

    def connect() -> Producer:
        tried.set()
        if not way.is_set():
            raise BusUnavailableError("nobody listens")
        return producer

    publisher = make(connect=connect)
    future = publisher.submit(RECORD)
    assert tried.wait(PATIENCE_S)
    while publisher.healthy() != "nobody listens":
        assert not future.done()
    way.set()
    clock.now += 10

    assert future.result(PATIENCE_S) == Position("t", 0, 0)
    assert publisher.healthy() is None


def test_records_do_not_wait_for_ever(make: Make, clock: Clock) -> None:
    """After the delivery timeout whoever handed them over must know."""
    tried = threading.Event()

    def connect() -> Producer:
        tried.set()
        raise BusUnavailableError("nobody listens")

    future = make(connect=connect).submit(RECORD)
    assert tried.wait(PATIENCE_S)
    clock.now += DELIVERY_TIMEOUT_S + 1

    error = future.exception(PATIENCE_S)
    assert isinstance(error, PublishTimeoutError)
    assert "nobody listens" in str(error)


def test_a_wrong_setting_does_not_kill_the_thread(make: Make) -> None:
    """It shows in the health."""
    tried = threading.Event()

    def connect() -> Producer:
        if tried.is_set():
            return FakeProducer()
        tried.set()
        raise TypeError("no such option")

    publisher = make(connect=connect)
    assert tried.wait(PATIENCE_S)
    while publisher.healthy() != "no such option":
        assert publisher.healthy() in ("connecting to Kafka", "no such option")


def test_a_wedged_producer_is_replaced(
    make: Make, producers: list[FakeProducer], clock: Clock
) -> None:
    """Its records may have been written or not: whoever handed them over must know that."""
    old, new = producers
    old.is_silent = True
    publisher = make()
    future = publisher.submit(RECORD)
    assert old.got_one.wait(PATIENCE_S)
    assert publisher.unanswered_s() == 0
    clock.now += DELIVERY_TIMEOUT_S
    assert publisher.unanswered_s() == DELIVERY_TIMEOUT_S
    assert "acknowledged nothing for 30 s" in str(publisher.healthy())
    assert not future.done()

    clock.now += 6

    assert isinstance(future.exception(PATIENCE_S), PublishTimeoutError)
    assert publisher.unanswered_s() == 0
    assert old.was_discarded.wait(PATIENCE_S)
    assert publisher.submit(RECORD).result(PATIENCE_S) == Position("t", 0, 0)
    assert new.sent == [RECORD]
    old.unanswered[0](7)  # too late: it has been answered for
    assert publisher.healthy() is None


def test_a_producer_that_only_fails_is_replaced(
    make: Make, producers: list[FakeProducer], clock: Clock
) -> None:
    """It may have missed the end of an outage."""
    old, new = producers
    old.error = PublishTimeoutError("expired")
    publisher = make()
    assert isinstance(error_of(publisher), PublishTimeoutError)
    assert publisher.healthy() == "expired"

    clock.now += 80
    old.is_silent = True
    publisher.submit(RECORD)

    assert old.was_discarded.wait(PATIENCE_S)
    assert publisher.submit(RECORD).result(PATIENCE_S).offset == 0
    assert new.sent == [RECORD]


def test_a_missing_topic_is_asked_for_only_now_and_then(
    make: Make, producers: list[FakeProducer], clock: Clock
) -> None:
    """Asking blocks for a second: other topics must not wait for it each time."""
    producers[0].missing = {"nowhere"}
    publisher = make()
    lost = Record("nowhere", b"k", b"v")

    errors = [error_of(publisher, lost) for _ in range(5)]

    assert all(isinstance(error, TopicMissingError) for error in errors)
    assert producers[0].asked_partitions == 1
    assert publisher.submit(RECORD).result(PATIENCE_S).offset == 0
    producers[0].missing.clear()
    clock.now += 6
    assert publisher.submit(lost).result(PATIENCE_S).offset == 1


def test_an_unexpected_error_is_answered_and_survived(
    make: Make, producers: list[FakeProducer]
) -> None:
    """The record gets its answer, the next one another producer."""
    old, new = producers
    old.crash = ZeroDivisionError("a bug")
    publisher = make()

    assert isinstance(error_of(publisher), PublishError)
    assert publisher.submit(RECORD).result(PATIENCE_S) == Position("t", 0, 0)
    assert (old.was_discarded.is_set(), new.sent) == (True, [RECORD])


def test_close_answers_for_everything(make: Make, producers: list[FakeProducer]) -> None:
    """What is not acknowledged by then fails as unknown; afterwards nothing is taken."""
    producers[0].is_silent = True
    publisher = make()
    future = publisher.submit(RECORD)
    assert producers[0].got_one.wait(PATIENCE_S)

    publisher.close(0)

    assert isinstance(future.exception(0), PublishTimeoutError)
    assert isinstance(publisher.submit(RECORD).exception(0), BusClosedError)
    assert publisher.healthy() == "the publisher is closed"
    # Not in the background: another broker may be at its address a moment later.
    assert producers[0].was_ended


async def test_a_cancelled_caller_leaves_the_record_on_its_way(
    make: Make, producers: list[FakeProducer]
) -> None:
    """And its answer disturbs nobody."""
    publisher = make()
    task = asyncio.ensure_future(publisher.publish(RECORD))
    await asyncio.sleep(0)
    task.cancel()

    assert (await publisher.publish(RECORD)).offset == 1
    assert producers[0].sent == [RECORD, RECORD]


async def test_many_at_once_from_loop_and_threads(make: Make) -> None:
    """Each gets a position of its own."""
    publisher = make()

    awaited = [publisher.publish(RECORD) for _ in range(500)]
    threads = [asyncio.to_thread(publisher.submit, RECORD) for _ in range(50)]
    positions = set(await asyncio.gather(*awaited))
    positions |= {f.result(PATIENCE_S) for f in await asyncio.gather(*threads)}

    assert len(positions) == 550
