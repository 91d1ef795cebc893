"""Publisher and worker against a broker that freezes, dies, or is not there yet."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from bus.errors import PublishTimeoutError
from bus.kafka import KafkaBus, KafkaTuning
from bus.protocols import Publisher, TopicConfig
from bus.records import Record
from bus.runtime.settings_sections import KafkaSettings
from bus.worker import Batch, Worker
from tests.support.kafka import ClusterOptions, KafkaCluster, why_unavailable

_UNAVAILABLE = why_unavailable()
pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(_UNAVAILABLE is not None, reason=str(_UNAVAILABLE)),
]

TOPIC = "t"
RECORD = Record(TOPIC, b"k", b"v")
TUNING = KafkaTuning(
    request_timeout_s=1.0,
    delivery_timeout_s=3.0,
    bootstrap_timeout_s=2.0,
    session_timeout_s=6.0,
    stall_check_s=2.0,
)
# A second for the session of the dead broker, two for a JVM, and a busy machine.
_RECOVERY_S = 30.0


@pytest.fixture(scope="module")
def kafka() -> Iterator[KafkaCluster]:
    with KafkaCluster(options=ClusterOptions(session_timeout_ms=1000)) as cluster:
        yield cluster


@pytest.fixture(params=["client", "direct"])
def bus(kafka: KafkaCluster, request: pytest.FixtureRequest) -> KafkaBus:
    """A bus with each of the two publishers."""
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, publisher=request.param)
    bus = KafkaBus(settings, TUNING)
    admin = bus.admin()
    admin.create_topics([TopicConfig(TOPIC, 3)])
    admin.close()
    return bus


@pytest.fixture
def publisher(bus: KafkaBus) -> Iterator[Publisher]:
    publisher = bus.publisher("test")
    publisher.submit(RECORD).result(_RECOVERY_S)
    yield publisher
    publisher.close(1.0)


def wait_until_through(publisher: Publisher) -> float:
    """Publish until a record is acknowledged; return how long that took."""
    started = time.monotonic()
    while time.monotonic() < started + _RECOVERY_S:
        if publisher.submit(RECORD).exception(_RECOVERY_S) is None:
            return time.monotonic() - started
    raise AssertionError(f"nothing acknowledged within {_RECOVERY_S} s")


def test_a_frozen_broker_costs_records_their_time_but_not_the_publisher(
    kafka: KafkaCluster, publisher: Publisher
) -> None:
    """Each is answered for within the delivery timeout; afterwards all goes on."""
    kafka.freeze(1)
    try:
        futures = [publisher.submit(RECORD) for _ in range(100)]
        errors = [future.exception(10.0) for future in futures]
        assert all(isinstance(error, PublishTimeoutError) for error in errors)
        assert publisher.healthy() is not None
    finally:
        kafka.thaw(1)

    assert wait_until_through(publisher) < 10.0
    assert publisher.healthy() is None


def test_a_killed_broker_is_found_again(kafka: KafkaCluster, publisher: Publisher) -> None:
    """Records of the outage fail in time, later ones go through."""
    kafka.kill(1)
    try:
        assert isinstance(publisher.submit(RECORD).exception(10.0), PublishTimeoutError)
    finally:
        kafka.restart(1)

    wait_until_through(publisher)
    assert publisher.healthy() is None


def test_a_broker_that_comes_late_is_waited_for(kafka: KafkaCluster, bus: KafkaBus) -> None:
    """Making a publisher takes no connection; its health says what is missing."""
    kafka.kill(1)
    try:
        started = time.monotonic()
        publisher = bus.publisher("test")
        assert time.monotonic() - started < 0.5
        assert publisher.healthy() is not None
        assert isinstance(publisher.submit(RECORD).exception(10.0), PublishTimeoutError)
    finally:
        kafka.restart(1)

    wait_until_through(publisher)
    publisher.close(5.0)


def test_close_ends_in_time_though_the_broker_is_frozen(
    kafka: KafkaCluster, publisher: Publisher
) -> None:
    """The client's own close would raise or wait; what is open fails as unknown."""
    kafka.freeze(1)
    try:
        future = publisher.submit(RECORD)
        started = time.monotonic()
        publisher.close(0.5)
        assert time.monotonic() - started < 4.0
        assert isinstance(future.exception(0), PublishTimeoutError)
    finally:
        kafka.thaw(1)


class Keeping:
    """A handler that keeps every value."""

    def __init__(self) -> None:
        self.values: list[bytes | None] = []

    def handle(self, batch: Batch) -> None:
        self.values += [record.value for record in batch]


def wait_for(what: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + _RECOVERY_S
    while not what():
        assert time.monotonic() < ends_at
        time.sleep(0.05)


def test_a_worker_says_that_its_broker_died_and_goes_on_when_it_is_back(
    kafka: KafkaCluster, bus: KafkaBus, publisher: Publisher, topic_prefix: str
) -> None:
    """The client's polls are silent about it; nothing is lost and no restart is needed."""
    handler = Keeping()
    worker = Worker("storage", bus, topic_prefix, [TOPIC], handler, dead_letter_topic="none")
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    publisher.submit(Record(TOPIC, b"k", b"before")).result(_RECOVERY_S)
    wait_for(lambda: b"before" in handler.values)
    wait_for(lambda: worker.state().reason is None)

    kafka.kill(1)
    try:
        wait_for(lambda: worker.state().status == "failing")
    finally:
        kafka.restart(1)
    wait_until_through(publisher)
    publisher.submit(Record(TOPIC, b"k", b"after")).result(_RECOVERY_S)

    wait_for(lambda: b"after" in handler.values)
    wait_for(lambda: worker.state().reason is None)
    worker.stop()
    thread.join(_RECOVERY_S)
    assert not thread.is_alive()
