"""Publisher and worker against a broker that freezes, dies, or is not there yet."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from uuid import uuid4

import pytest

from bus.errors import PublishTimeoutError
from bus.kafka import KafkaBus, KafkaTuning
from bus.protocols import Publisher, TopicConfig
from bus.records import Record
from bus.runtime.settings_sections import KafkaSettings
from bus.worker import Batch, Worker
from tests.support.kafka import ClusterOptions, KafkaCluster

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.needs("brokers"),
]

TOPIC = "t"
RECORD = Record(TOPIC, b"k", b"v")
TUNING = KafkaTuning(
    request_timeout_s=1.0,
    delivery_timeout_s=1.5,
    bootstrap_timeout_s=1.0,
    session_timeout_s=6.0,
    stall_check_s=1.0,
)
# A second for the session of the dead broker, two for a JVM, and a busy machine.
_RECOVERY_S = 30.0


@pytest.fixture(scope="module")
def kafka() -> Iterator[KafkaCluster]:
    with KafkaCluster(options=ClusterOptions(session_timeout_ms=1000)) as cluster:
        yield cluster


PUBLISHERS = ("client", "direct")


def bus_with(kafka: KafkaCluster, publisher: str) -> KafkaBus:
    """Return a bus with one of the two publishers, and its topic."""
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, publisher=publisher)  # type: ignore[arg-type] # one of the two
    # Patiently: a broker that has just thawed on a busy machine may need more than a second.
    with closing(KafkaBus(settings).admin()) as admin:
        admin.create_topics([TopicConfig(TOPIC, 3)])
    return KafkaBus(settings, TUNING)


@pytest.fixture(params=PUBLISHERS)
def bus(kafka: KafkaCluster, request: pytest.FixtureRequest) -> KafkaBus:
    """A bus with each of the two publishers."""
    return bus_with(kafka, request.param)


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


class Witness:
    """What a publisher and a worker, and a publisher made meanwhile, see of a broker's death."""

    def __init__(self, bus: KafkaBus) -> None:
        self.handler = Keeping()
        self.worker = Worker(
            "storage", bus, f"group-{uuid4().hex}", [TOPIC], self.handler, dead_letter_topic="none"
        )
        self._bus = bus
        self._thread = threading.Thread(target=self.worker.run, daemon=True)
        self.publisher = bus.publisher("test")
        self.late: Publisher | None = None
        self.late_made_in_s = 0.0
        self.late_health: str | None = None
        self.errors: list[BaseException | None] = []

    def work(self) -> None:
        """Begin, and return once all goes well."""
        self.publisher.submit(RECORD).result(_RECOVERY_S)
        self._thread.start()
        self.publisher.submit(Record(TOPIC, b"k", b"before")).result(_RECOVERY_S)
        wait_for(lambda: b"before" in self.handler.values)
        wait_for(lambda: self.worker.state().reason is None)

    def suffer(self) -> None:
        """Meet the outage; return once everyone has said so."""
        started = time.monotonic()
        self.late = self._bus.publisher("late")
        self.late_made_in_s = time.monotonic() - started
        self.late_health = self.late.healthy()
        futures = [each.submit(RECORD) for each in (self.publisher, self.late)]
        self.errors = [future.exception(10.0) for future in futures]
        wait_for(lambda: self.worker.state().status == "failing")

    def recover(self) -> None:
        """Return once the broker that is back was found by everyone."""
        assert self.late is not None
        wait_until_through(self.publisher)
        wait_until_through(self.late)
        self.publisher.submit(Record(TOPIC, b"k", b"after")).result(_RECOVERY_S)
        wait_for(lambda: b"after" in self.handler.values)
        wait_for(lambda: self.worker.state().reason is None)

    def end(self) -> bool:
        """End everything; return whether the worker ended, too."""
        for publisher in (self.publisher, self.late):
            if publisher is not None:
                publisher.close(5.0)
        self.worker.stop()
        self._thread.join(_RECOVERY_S)
        return not self._thread.is_alive()


@pytest.fixture(scope="module")
def outage(kafka: KafkaCluster) -> Iterator[dict[str, Witness]]:
    """One death of the broker and its return, met with each of the two publishers."""
    met = {name: Witness(bus_with(kafka, name)) for name in PUBLISHERS}
    for each in met.values():
        each.work()
    kafka.kill(1)
    try:
        for each in met.values():
            each.suffer()
    finally:
        kafka.restart(1)
    for each in met.values():
        each.recover()
    yield met
    assert [each.end() for each in met.values()] == [True] * len(met)


@pytest.fixture(params=PUBLISHERS)
def witness(outage: dict[str, Witness], request: pytest.FixtureRequest) -> Witness:
    return outage[request.param]


def test_a_killed_broker_is_found_again(witness: Witness) -> None:
    """Records of the outage fail in time, later ones go through."""
    assert isinstance(witness.errors[0], PublishTimeoutError)
    assert witness.publisher.healthy() is None


def test_a_broker_that_comes_late_is_waited_for(witness: Witness) -> None:
    """Making a publisher takes no connection; its health says what is missing."""
    assert witness.late is not None
    assert witness.late_made_in_s < 0.5
    assert witness.late_health is not None
    assert isinstance(witness.errors[1], PublishTimeoutError)
    assert witness.late.healthy() is None


def test_a_worker_goes_on_when_its_broker_is_back(witness: Witness) -> None:
    """It has said that the broker died; the client's polls are silent about it. Nothing is lost."""
    assert {b"before", b"after"} <= set(witness.handler.values)
    assert witness.worker.state().reason is None
