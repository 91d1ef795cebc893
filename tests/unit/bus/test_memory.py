"""What the in-memory bus can be told to do wrong, and how its groups rewind."""

import threading

import pytest

from bus.errors import (
    BusUnavailableError,
    PublishTimeoutError,
    RecordRefusedError,
    TopicMissingError,
)
from bus.memory import MemoryBus
from bus.records import Record, TopicPartition

RECORD = Record("t", b"k", b"v")


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus(["t"], partitions=2)


def test_a_failed_publish_is_not_written(bus: MemoryBus) -> None:
    """As often as it was asked for."""
    bus.faults.fail_publishes(RecordRefusedError("no"), count=2)
    publisher = bus.publisher("test")

    errors = [publisher.submit(RECORD).exception(0) for _ in range(3)]

    assert [type(error) for error in errors] == [RecordRefusedError, RecordRefusedError, type(None)]
    assert len(bus.records("t")) == 1


def test_a_lost_acknowledgement_leaves_the_record(bus: MemoryBus) -> None:
    """Failed never means not written."""
    bus.faults.lose_acks()

    error = bus.publisher("test").submit(RECORD).exception(0)

    assert isinstance(error, PublishTimeoutError)
    assert len(bus.records("t")) == 1


def test_a_slow_acknowledgement_comes_later_and_close_waits_for_it(bus: MemoryBus) -> None:
    """The record is there at once."""
    bus.faults.ack_delay_s = 0.01
    publisher = bus.publisher("test")

    future = publisher.submit(RECORD)
    assert len(bus.records("t")) == 1
    publisher.close(10)

    assert future.result(0).offset == 0


def test_down_means_that_nothing_answers(bus: MemoryBus) -> None:
    """Until it is up again; what was there is still there."""
    publisher = bus.publisher("test")
    publisher.submit(RECORD).result(0)
    subscription = bus.subscribe("g", ["t"], "test")
    bus.faults.down = "pulled the plug"

    assert publisher.healthy() == "pulled the plug"
    assert isinstance(publisher.submit(RECORD).exception(0), PublishTimeoutError)
    assert subscription.poll(0) == []
    with pytest.raises(BusUnavailableError, match="pulled the plug"):
        subscription.commit({TopicPartition("t", 0): 1})
    with pytest.raises(BusUnavailableError):
        bus.subscribe("g", ["t"], "test")
    with pytest.raises(BusUnavailableError):
        bus.admin()

    bus.faults.down = None
    assert len(subscription.poll(0)) == 1


def test_an_unknown_topic_is_an_error(bus: MemoryBus) -> None:
    """Nothing is made by mistake."""
    error = bus.publisher("test").submit(Record("unknown", b"k", b"v")).exception(0)

    assert isinstance(error, TopicMissingError)


def test_a_rejoin_rewinds_to_what_is_committed(bus: MemoryBus) -> None:
    """A member that comes makes the others start over from there."""
    publisher = bus.publisher("test")
    for number in range(6):
        publisher.submit(Record("t", None, str(number).encode())).result(0)
    one = bus.subscribe("g", ["t"], "one")
    assert len(one.poll(0)) == 6
    one.commit({TopicPartition("t", 0): 2})

    two = bus.subscribe("g", ["t"], "two")

    assert [r.value for r in one.poll(0)] == [b"4"]
    assert [r.value for r in two.poll(0)] == [b"1", b"3", b"5"]
    one.commit({TopicPartition("t", 1): 3})  # it is the other one's now
    assert bus.admin().committed("g") == {TopicPartition("t", 0): 2}


def test_a_waiting_poll_wakes_up_for_a_record(bus: MemoryBus) -> None:
    """Without looking again and again."""
    subscription = bus.subscribe("g", ["t"], "test")
    threading.Timer(0.01, lambda: bus.publisher("test").submit(RECORD)).start()

    assert len(subscription.poll(30)) == 1
