"""The direct publisher on real brokers: what it writes, and three nodes that lose some."""

import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from itertools import count

import pytest
from confluent_kafka import Consumer
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka import KafkaConsumer
from kafka import TopicPartition as ClientPartition

from bus.errors import PublishTimeoutError, RecordRefusedError, TopicMissingError
from bus.kafka import KafkaBus, KafkaTuning
from bus.protocols import Publisher, TopicConfig
from bus.records import Position, Record
from bus.runtime.settings_sections import KafkaSettings
from tests.support.kafka import KafkaCluster

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.needs("brokers"),
]

PARTITIONS = 6
PATIENCE_S = 60.0
# A dead node's session ends after 3 s; a request that waits for it is given up before.
TUNING = KafkaTuning(request_timeout_s=2.0, delivery_timeout_s=30.0)
RAW = st.none() | st.binary(max_size=3000)
# librdkafka takes a name as a C string, which ends at its first NUL.
NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=80)
HEADERS = st.lists(st.tuples(NAMES, st.binary(max_size=300)), max_size=8).map(tuple)
_numbers = count()


@pytest.fixture(scope="module")
def kafka(three_nodes: KafkaCluster) -> KafkaCluster:
    return three_nodes


@pytest.fixture
def bus(kafka: KafkaCluster) -> KafkaBus:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, publisher="direct")
    return KafkaBus(settings, TUNING)


@pytest.fixture
def topic(bus: KafkaBus) -> str:
    return made(bus)


def made(bus: KafkaBus, name: str | None = None, **limits: str) -> str:
    """Make a topic; return its name."""
    name = name or f"direct-{next(_numbers)}"
    configs = {"min.insync.replicas": "2"} | limits
    admin = bus.admin()
    admin.create_topics([TopicConfig(name, PARTITIONS, 3, configs)])
    admin.close()
    return name


@pytest.fixture
def publisher(bus: KafkaBus) -> Iterator[Publisher]:
    publisher = bus.publisher("test")
    yield publisher
    publisher.close(1.0)


def numbered(topic: str, first: int, much: int = 60) -> list[Record]:
    return [Record(topic, b"%d" % (n % 20), b"%d" % n) for n in range(first, first + much)]


def settled(futures: "list[Future[Position]]") -> list[Position]:
    return [future.result(PATIENCE_S) for future in futures]


def read_all(kafka: KafkaCluster, topic: str) -> list[list[tuple[bytes | None, ...]]]:
    """Return (key, value) of each record, partition by partition, as kafka-python reads it."""
    servers = kafka.admin_servers()
    consumer = KafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False)
    partitions = [ClientPartition(topic, n) for n in range(PARTITIONS)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends, found = consumer.end_offsets(partitions), {at: [] for at in partitions}
    while any(consumer.position(at) < ends[at] for at in partitions):
        for at, polled in consumer.poll(timeout_ms=1000).items():
            found[at] += [(record.key, record.value) for record in polled]
    consumer.close()
    return list(found.values())


def assert_kept(kafka: KafkaCluster, topic: str, given: list[Record]) -> None:
    """Every record lies there, in order in its partition, copies beside the first not counted."""
    logs = read_all(kafka, topic)
    assert {value for log in logs for _, value in log} == {record.value for record in given}
    for log in logs:
        first = list(dict.fromkeys(int(value) for _, value in log if value))
        assert first == sorted(first)


def test_what_it_writes_librdkafka_reads(
    kafka: KafkaCluster, bus: KafkaBus, topic: str, publisher: Publisher
) -> None:
    """Byte for byte: keys, values, headers, of any shape."""
    consumer = Consumer(
        {"bootstrap.servers": kafka.bootstrap_servers, "group.id": topic, "check.crcs": True}
        | {"auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    consumer.subscribe([topic])

    @settings(max_examples=15)
    @given(st.lists(st.builds(Record, st.just(topic), RAW, RAW, HEADERS), min_size=1, max_size=20))
    def round_trip(given: list[Record]) -> None:
        positions = settled([publisher.submit(record) for record in given])
        expected = {
            at: (each.key, each.value, each.headers)
            for at, each in zip(positions, given, strict=True)
        }
        found = {}
        while len(found) < len(given):
            message = consumer.poll(PATIENCE_S)
            assert message is not None
            assert message.error() is None
            at = Position(topic, message.partition(), message.offset())
            found[at] = (message.key(), message.value(), tuple(message.headers() or ()))
        assert found == expected

    with closing(consumer):
        round_trip()


def test_one_oversized_record_fails_no_neighbour(
    kafka: KafkaCluster, bus: KafkaBus, publisher: Publisher
) -> None:
    """The topic takes less than we do: only what it cannot take is refused."""
    small = made(bus, **{"max.message.bytes": "4000"})
    given = [Record(small, b"k", b"%d" % n) for n in range(40)]
    given[17] = Record(small, b"k", b"17" + bytes(5000))

    publisher.submit(Record(small, b"k", b"-1")).result(PATIENCE_S)
    futures = [publisher.submit(record) for record in given]
    assert isinstance(futures.pop(17).exception(PATIENCE_S), RecordRefusedError)
    settled(futures)

    (log,) = [log for log in read_all(kafka, small) if log]
    assert [value for _, value in log] == [b"%d" % n for n in range(-1, 40) if n != 17]


def test_a_deleted_topic_is_missing_and_found_again_when_it_is_made(
    kafka: KafkaCluster, bus: KafkaBus, topic: str, publisher: Publisher
) -> None:
    """Other topics go on meanwhile."""
    other = made(bus)
    settled([publisher.submit(record) for record in numbered(topic, 0)])
    with kafka.admin() as admin:
        admin.delete_topics([topic])

    lost = publisher.submit(Record(topic, b"k", b"lost")).exception(PATIENCE_S)
    settled([publisher.submit(record) for record in numbered(other, 0)])
    assert isinstance(lost, TopicMissingError | PublishTimeoutError)

    made(bus, topic)
    ends_at = time.monotonic() + PATIENCE_S
    while publisher.submit(Record(topic, b"k", b"1")).exception(PATIENCE_S) is not None:
        assert time.monotonic() < ends_at
    assert publisher.healthy() is None


@pytest.mark.parametrize("fault", ["kill", "freeze", "stop"])
def test_a_leader_that_is_lost_costs_no_record(
    kafka: KafkaCluster, topic: str, publisher: Publisher, fault: str
) -> None:
    """Its partitions go on with the next leader, in order; all are acknowledged in time."""
    settled([publisher.submit(record) for record in numbered(topic, 0)])
    leader = kafka.wait_for_leader(topic)
    futures = [publisher.submit(record) for record in numbered(topic, 60)]
    getattr(kafka, fault)(leader)
    try:
        futures += [publisher.submit(record) for record in numbered(topic, 120, 600)]
        settled(futures)
    finally:
        kafka.thaw(leader)
        if fault != "freeze":
            kafka.restart(leader)
        kafka.wait_for_nodes()

    settled([publisher.submit(record) for record in numbered(topic, 720)])
    assert publisher.healthy() is None
    assert_kept(kafka, topic, numbered(topic, 0, 780))
