"""The client's publisher: bounded, its producer replaced, every record answered for once."""

from collections.abc import Callable

import pytest

from bus.errors import (
    BusUnavailableError,
    PublishError,
    PublishTimeoutError,
    QueueFullError,
    RecordRefusedError,
    TopicMissingError,
)
from bus.kafka.outbox import OutboxLimits
from bus.kafka.publisher import KafkaPublisher
from bus.records import Position, Record
from tests.support.clock import Clock
from tests.support.publishing import DELIVERY_TIMEOUT_S, PATIENCE_S, RECORD, FakeProducer

Make = Callable[..., KafkaPublisher]


def error_of(publisher: KafkaPublisher, record: Record = RECORD) -> BaseException | None:
    return publisher.submit(record).exception(PATIENCE_S)


async def test_a_refusal_is_the_records_own_fault(
    make_client: Make, producers: list[FakeProducer]
) -> None:
    """The publisher stays healthy and the next record goes through."""
    publisher = make_client()
    await publisher.publish(RECORD)
    producers[0].error = RecordRefusedError("no")
    with pytest.raises(RecordRefusedError):
        await publisher.publish(RECORD)
    producers[0].error = None

    assert publisher.healthy() is None
    assert (await publisher.publish(RECORD)).offset == 2


def test_the_number_of_waiting_records_is_bounded(
    make_client: Make, producers: list[FakeProducer]
) -> None:
    """One too many fails at once; an answer makes room."""
    producers[0].is_silent = True
    publisher = make_client(OutboxLimits(records=2))
    first, second = publisher.submit(RECORD), publisher.submit(RECORD)

    assert isinstance(publisher.submit(RECORD).exception(0), QueueFullError)

    while len(producers[0].unanswered) < 2:
        assert producers[0].got_one.wait(PATIENCE_S)
    producers[0].unanswered.pop(0)(0)
    assert first.result(PATIENCE_S).offset == 0
    assert not publisher.submit(RECORD).done()
    assert not second.done()


def test_the_bytes_of_waiting_records_are_bounded(
    make_client: Make, producers: list[FakeProducer]
) -> None:
    """But for a record that waits alone: it could never go otherwise."""
    producers[0].is_silent = True
    publisher = make_client(OutboxLimits(bytes=100))

    alone = publisher.submit(Record("t", b"k", b"x" * 500))

    assert isinstance(publisher.submit(RECORD).exception(0), QueueFullError)
    assert not alone.done()

    assert producers[0].got_one.wait(PATIENCE_S)
    producers[0].unanswered.pop(0)(0)
    assert alone.result(PATIENCE_S).offset == 0
    first, second = publisher.submit(Record("t", b"k", b"x" * 80)), publisher.submit(RECORD)
    assert not first.done()
    assert not second.done()


def test_what_expires_says_why_nothing_got_through(make_client: Make, clock: Clock) -> None:
    def connect() -> FakeProducer:
        raise BusUnavailableError("nobody listens")

    publisher = make_client(connect=connect)
    future = publisher.submit(RECORD)
    while publisher.healthy() != "nobody listens":
        assert not future.done()
    clock.now += DELIVERY_TIMEOUT_S + 1

    assert "nobody listens" in str(future.exception(PATIENCE_S))


def test_a_wedged_producer_is_replaced(
    make_client: Make, producers: list[FakeProducer], clock: Clock
) -> None:
    """Its records may have been written or not: whoever handed them over must know that."""
    old, new = producers
    old.is_silent = True
    publisher = make_client()
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
    make_client: Make, producers: list[FakeProducer], clock: Clock
) -> None:
    """It may have missed the end of an outage."""
    old, new = producers
    old.error = PublishTimeoutError("expired")
    publisher = make_client()
    assert isinstance(error_of(publisher), PublishTimeoutError)
    assert publisher.healthy() == "expired"

    clock.now += 80
    old.is_silent = True
    publisher.submit(RECORD)

    assert old.was_discarded.wait(PATIENCE_S)
    assert publisher.submit(RECORD).result(PATIENCE_S).offset == 0
    assert new.sent == [RECORD]


def test_a_missing_topic_is_asked_for_only_now_and_then(
    make_client: Make, producers: list[FakeProducer], clock: Clock
) -> None:
    """Asking blocks for a second: other topics must not wait for it each time."""
    producers[0].missing = {"nowhere"}
    publisher = make_client()
    lost = Record("nowhere", b"k", b"v")

    errors = [error_of(publisher, lost) for _ in range(5)]

    assert all(isinstance(error, TopicMissingError) for error in errors)
    assert producers[0].asked_partitions == 1
    assert publisher.submit(RECORD).result(PATIENCE_S).offset == 0
    producers[0].missing.clear()
    clock.now += 6
    assert publisher.submit(lost).result(PATIENCE_S).offset == 1


def test_an_unexpected_error_is_answered_and_survived(
    make_client: Make, producers: list[FakeProducer]
) -> None:
    """The record gets its answer, the next one another producer."""
    old, new = producers
    old.crash = ZeroDivisionError("a bug")
    publisher = make_client()

    assert isinstance(error_of(publisher), PublishError)
    assert publisher.submit(RECORD).result(PATIENCE_S) == Position("t", 0, 0)
    assert (old.was_discarded.is_set(), new.sent) == (True, [RECORD])
