"""What any bus must do: in memory, on the embedded broker, on a real Kafka, by each publisher."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from bus.errors import (
    BusClosedError,
    BusUnavailableError,
    PublishError,
    RecordRefusedError,
)
from bus.limits import MAX_PUBLISH_BYTES
from bus.protocols import Bus, Outcome, Publisher, Subscription, TopicConfig
from bus.records import Position, ReceivedRecord, Record, TopicPartition

_PATIENCE_S = 30.0
_PARTITIONS = 3

ON_ALL = [
    "memory_bus",
    pytest.param("embedded_bus", marks=pytest.mark.embedded),
    pytest.param("direct_embedded_bus", marks=pytest.mark.embedded),
    pytest.param("kafka_bus", marks=pytest.mark.kafka),
    pytest.param("direct_kafka_bus", marks=pytest.mark.kafka),
]
# The embedded broker makes any topic that a client asks about, whatever the client says.
MAKES_NO_TOPICS = [ON_ALL[0], *ON_ALL[3:]]
# On the embedded broker a member that joins while others rebalance may be turned away for
# as long as it tries (UNKNOWN_MEMBER_ID, its own findings): one consumer a group is safe.
SHARES_GROUPS = [ON_ALL[0], ON_ALL[4]]
# A subscription is the same whichever publisher the bus has: once on each broker.
SUBSCRIBES = [ON_ALL[0], ON_ALL[2], ON_ALL[4]]


@pytest.fixture(params=ON_ALL)
def bus(request: pytest.FixtureRequest) -> Bus:
    found: Bus = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def topic(bus: Bus, topic_prefix: str) -> str:
    """A topic of three partitions."""
    admin = bus.admin()
    admin.create_topics([TopicConfig(f"{topic_prefix}.t", _PARTITIONS)])
    admin.close()
    return f"{topic_prefix}.t"


@pytest.fixture
def publisher(bus: Bus) -> Iterator[Publisher]:
    publisher = bus.publisher("contract")
    yield publisher
    publisher.close()


def put(publisher: Publisher, *records: Record) -> list[Position]:
    """Publish in order; return where the records lie."""
    futures = [publisher.submit(record) for record in records]
    return [future.result(_PATIENCE_S) for future in futures]


def numbered(topic: str, count: int, key: bytes | None = b"k") -> list[Record]:
    return [Record(topic, key, str(number).encode()) for number in range(count)]


def take(
    poll: Callable[[float], list[ReceivedRecord]], count: int, patience_s: float = _PATIENCE_S
) -> list[ReceivedRecord]:
    """Poll until so many records came; return all that came."""
    ends_at = time.monotonic() + patience_s
    taken: list[ReceivedRecord] = []
    while len(taken) < count and time.monotonic() < ends_at:
        taken += poll(1.0)
    assert len(taken) >= count, f"{len(taken)} of {count} records within {patience_s} s"
    return taken


def read_all(bus: Bus, topic: str, count: int) -> list[ReceivedRecord]:
    reader = bus.read([topic])
    try:
        return take(reader.poll, count)
    finally:
        reader.close()


def next_offsets(records: list[ReceivedRecord]) -> dict[TopicPartition, int]:
    return {r.position.topic_partition: r.position.next_offset for r in records}


async def test_publish_returns_the_position(bus: Bus, topic: str, publisher: Publisher) -> None:
    """The position is where a reader finds the record; offsets count up."""
    first = await publisher.publish(Record(topic, b"key", b"one"))
    second = await publisher.publish(Record(topic, b"key", b"two"))

    assert (first.topic, second.partition, second.offset) == (topic, first.partition, 1)
    assert [r.position for r in read_all(bus, topic, 2)] == [first, second]


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        (b"key", b"value", (("ce_id", b"a:b:c"), ("traceparent", b"00-1"))),
        (b"\x00\xff", b"\x00\xfe\xff", (("binary", bytes(range(256))), ("empty", b""))),
        (b"key", b"", ()),
        (b"key", None, ()),
        (None, b"no key", (("twice", b"1"), ("twice", b"2"))),
        (b"key", b"x" * 900_000, ()),
    ],
    ids=["text", "binary", "empty value", "no value", "no key", "900 kB"],
)
def test_a_record_comes_back_as_it_went(
    bus: Bus,
    topic: str,
    publisher: Publisher,
    key: bytes | None,
    value: bytes | None,
    headers: tuple[tuple[str, bytes], ...],
) -> None:
    """Key, value and headers, in order and with repetitions, byte for byte."""
    put(publisher, Record(topic, key, value, headers))

    (received,) = read_all(bus, topic, 1)

    assert (received.key, received.value, received.headers) == (key, value, headers)
    assert abs(received.timestamp_ms / 1000 - time.time()) < 60


def test_order_is_kept_within_a_partition(bus: Bus, topic: str, publisher: Publisher) -> None:
    """Records of one key come in the order in which they were handed over."""
    positions = put(publisher, *numbered(topic, 500))

    assert {position.partition for position in positions} == {positions[0].partition}
    assert [position.offset for position in positions] == list(range(500))
    assert [int(r.value or b"") for r in read_all(bus, topic, 500)] == list(range(500))


def test_keys_choose_partitions_as_kafka_does(topic: str, publisher: Publisher) -> None:
    """The same key goes to the same partition, the one that any Kafka client chooses."""
    keys = [b"21", b"foobar", b"a-little-bit-long-string", b"abc"]
    # Hashes out of Apache Kafka's own test of its partitioner (UtilsTest.testMurmur2).
    hashes = [-973932308, -790332482, -985981536, 479470107]

    positions = put(publisher, *(Record(topic, key, b"v") for key in keys * 2))

    expected = [(h & 0x7FFFFFFF) % _PARTITIONS for h in hashes]
    assert [position.partition for position in positions] == expected * 2


def test_records_without_key_are_spread(topic: str, publisher: Publisher) -> None:
    """They go round all partitions."""
    positions = put(publisher, *numbered(topic, 30, key=None))

    counts = [sum(p.partition == number for p in positions) for number in range(_PARTITIONS)]
    assert counts == [10, 10, 10]


@pytest.mark.parametrize("bus", MAKES_NO_TOPICS, indirect=True)
async def test_an_unknown_topic_is_refused_beside_the_loop(
    topic: str, publisher: Publisher
) -> None:
    """The error comes within seconds, the loop stays free, other topics go on."""
    longest_s = await _longest_standstill_s(
        publisher.publish(Record(f"{topic}.unknown", b"k", b"v"))
    )

    assert longest_s < 0.5
    assert (await publisher.publish(Record(topic, b"k", b"v"))).offset == 0


async def _longest_standstill_s(publishing: "asyncio.Future[Position]") -> float:
    task = asyncio.ensure_future(publishing)
    longest_s, last = 0.0, time.monotonic()
    while not task.done():
        await asyncio.sleep(0.01)
        now = time.monotonic()
        longest_s, last = max(longest_s, now - last), now
    assert isinstance(task.exception(), PublishError)
    return longest_s


async def test_a_send_is_told_its_outcome_on_the_loop(topic: str, publisher: Publisher) -> None:
    """A position or an error, once each."""
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()

    publisher.send(Record(topic, b"k", b"v"), outcomes.put_nowait)
    assert isinstance(await outcomes.get(), Position)
    publisher.send(Record(topic, b"k", b"x" * MAX_PUBLISH_BYTES), outcomes.put_nowait)
    assert isinstance(await outcomes.get(), RecordRefusedError)
    publisher.close()
    publisher.send(Record(topic, b"k", b"v"), outcomes.put_nowait)
    assert isinstance(await outcomes.get(), BusClosedError)

    assert outcomes.empty()


async def test_too_large_is_refused_and_the_next_goes_through(
    topic: str, publisher: Publisher
) -> None:
    """One oversized record must not stop the publisher."""
    with pytest.raises(RecordRefusedError):
        await publisher.publish(Record(topic, b"k", b"x" * MAX_PUBLISH_BYTES))

    assert (await publisher.publish(Record(topic, b"k", b"v"))).offset == 0


@pytest.mark.parametrize("bus", ON_ALL[3:], indirect=True)
async def test_too_large_for_the_topic_is_refused_and_the_next_goes_through(
    bus: Bus, topic_prefix: str
) -> None:
    """Kafka's own refusal, where a topic takes less than we do (nothing else enforces it)."""
    admin = bus.admin()
    small = TopicConfig(f"{topic_prefix}.s", 1, settings={"max.message.bytes": "2000"})
    admin.create_topics([small])
    admin.close()
    publisher = bus.publisher("contract")

    with pytest.raises(RecordRefusedError):
        await publisher.publish(Record(small.name, b"k", b"x" * 5000))

    assert (await publisher.publish(Record(small.name, b"k", b"v"))).offset == 0
    publisher.close()


async def test_a_thousand_at_once_all_resolve(topic: str, publisher: Publisher) -> None:
    """Each caller gets the position of its own record."""
    records = [Record(topic, str(n).encode(), b"v") for n in range(1000)]

    positions = await asyncio.gather(*(publisher.publish(record) for record in records))

    assert len(set(positions)) == 1000
    assert publisher.unanswered_s() == 0


async def test_a_caller_that_gives_up_does_not_take_back_the_record(
    bus: Bus, topic: str, publisher: Publisher
) -> None:
    """A sender that hangs up must not cancel its delivery."""
    task = asyncio.ensure_future(publisher.publish(Record(topic, b"k", b"v")))
    await asyncio.sleep(0)
    task.cancel()

    assert [r.value for r in await asyncio.to_thread(read_all, bus, topic, 1)] == [b"v"]


def test_close_delivers_what_was_handed_over(bus: Bus, topic: str) -> None:
    """Closing waits; afterwards nothing more is taken."""
    publisher = bus.publisher("contract")
    futures: list[Future[Position]] = [publisher.submit(r) for r in numbered(topic, 200)]

    publisher.close(_PATIENCE_S)

    assert [future.result(0).offset for future in futures] == list(range(200))
    with pytest.raises(BusClosedError):
        publisher.submit(Record(topic, b"k", b"v")).result(1)
    assert publisher.healthy() is not None


@pytest.mark.parametrize("bus", SUBSCRIBES, indirect=True)
def test_a_group_resumes_where_it_committed(bus: Bus, topic: str, publisher: Publisher) -> None:
    """What was committed is not handed over again, what came later is."""
    put(publisher, *numbered(topic, 10))
    first = bus.subscribe(f"{topic}.g", [topic], "one")
    first.commit(next_offsets(take(first.poll, 10)))
    first.close()
    put(publisher, Record(topic, b"k", b"late"))

    second = bus.subscribe(f"{topic}.g", [topic], "two")
    assert [r.value for r in take(second.poll, 1)] == [b"late"]
    second.close()


@pytest.mark.parametrize("bus", SUBSCRIBES, indirect=True)
def test_what_was_not_committed_comes_again(bus: Bus, topic: str, publisher: Publisher) -> None:
    """A consumer that dies between poll and commit loses nothing."""
    put(publisher, *numbered(topic, 10))
    first = bus.subscribe(f"{topic}.g", [topic], "one")
    handed_over = take(first.poll, 10)
    first.commit(next_offsets(handed_over[:4]))
    first.close()

    second = bus.subscribe(f"{topic}.g", [topic], "two")
    assert [r.value for r in take(second.poll, 6)] == [r.value for r in handed_over[4:]]
    second.close()


@pytest.mark.parametrize("bus", SUBSCRIBES, indirect=True)
def test_the_committed_offsets_can_be_read(bus: Bus, topic: str, publisher: Publisher) -> None:
    """By group, as next offsets, only for partitions that have one."""
    (position,) = put(publisher, Record(topic, b"k", b"v"))
    subscription = bus.subscribe(f"{topic}.g", [topic], "one")
    subscription.commit(next_offsets(take(subscription.poll, 1)))
    subscription.close()
    admin = bus.admin()

    assert admin.committed(f"{topic}.g") == {position.topic_partition: 1}
    assert admin.committed(f"{topic}.nobody") == {}
    admin.close()


@pytest.mark.parametrize("bus", SUBSCRIBES, indirect=True)
def test_groups_read_apart(bus: Bus, topic: str, publisher: Publisher) -> None:
    """Each group gets every record."""
    put(publisher, *numbered(topic, 5))

    for group in ("storage", "alerting"):
        subscription = bus.subscribe(f"{topic}.{group}", [topic], group)
        assert len(take(subscription.poll, 5)) == 5
        subscription.close()


@pytest.mark.parametrize("bus", SUBSCRIBES, indirect=True)
def test_a_pause_hands_over_nothing(bus: Bus, topic: str, publisher: Publisher) -> None:
    """Paused polls are empty and lose nothing; the lag shows what waits."""
    put(publisher, *numbered(topic, 2))
    subscription = bus.subscribe(f"{topic}.g", [topic], "one")
    take(subscription.poll, 2)

    subscription.pause()
    put(publisher, *numbered(topic, 3))

    assert subscription.poll(0.1) == []
    assert subscription.poll(0.1) == []
    assert sum(subscription.lag().values()) == 3
    subscription.resume()
    assert [r.value for r in take(subscription.poll, 3)] == [b"0", b"1", b"2"]
    subscription.close()


@pytest.mark.parametrize("bus", SUBSCRIBES, indirect=True)
def test_lag_is_what_was_not_handed_over(bus: Bus, topic: str, publisher: Publisher) -> None:
    """None once all was handed over, for each assigned partition."""
    put(publisher, *numbered(topic, 5))
    subscription = bus.subscribe(f"{topic}.g", [topic], "one")
    take(subscription.poll, 5)

    expected = {TopicPartition(topic, number): 0 for number in range(_PARTITIONS)}
    assert subscription.lag() == expected
    assert subscription.assignment() == expected.keys()
    subscription.close()


@pytest.mark.parametrize("bus", MAKES_NO_TOPICS, indirect=True)
def test_a_missing_topic_cannot_be_subscribed_to(bus: Bus, topic: str) -> None:
    """The message names it, so that it can be made."""
    with pytest.raises(BusUnavailableError, match="unknown"):
        bus.subscribe(f"{topic}.g", [topic, f"{topic}.unknown"], "one")


class Member:
    """One member of a group in its own thread; commits what it was handed."""

    def __init__(self, bus: Bus, topic: str) -> None:
        self.records: list[ReceivedRecord] = []
        self._make = lambda: bus.subscribe(f"{topic}.g", [topic], "member")
        self._stop = threading.Event()
        self._subscription: Subscription | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def leave(self) -> None:
        self._stop.set()
        self._thread.join(_PATIENCE_S)

    @property
    def partitions(self) -> int:
        return len(self._subscription.assignment()) if self._subscription else 0

    def _run(self) -> None:
        self._subscription = self._make()
        while not self._stop.is_set():
            records = self._subscription.poll(1.0)
            self.records += records
            self._subscription.commit(next_offsets(records))
        self._subscription.close()


def wait_for(what: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + _PATIENCE_S
    while not what():
        assert time.monotonic() < ends_at
        time.sleep(0.05)


@pytest.mark.parametrize("bus", SHARES_GROUPS, indirect=True)
def test_members_share_and_take_over(bus: Bus, topic: str, publisher: Publisher) -> None:
    """Two members split the partitions; when one leaves, the other reads them all."""
    one = Member(bus, topic)
    wait_for(lambda: one.partitions == _PARTITIONS)
    two = Member(bus, topic)
    wait_for(lambda: {one.partitions, two.partitions} == {1, 2})

    put(publisher, *numbered(topic, 30, key=None))
    wait_for(lambda: len(one.records) + len(two.records) >= 30)
    assert len(one.records) >= 10
    assert len(two.records) >= 10

    two.leave()
    wait_for(lambda: one.partitions == _PARTITIONS)
    put(publisher, *numbered(topic, 30, key=None))
    wait_for(lambda: len(one.records) + len(two.records) >= 60)
    one.leave()
    read = {r.position for r in one.records + two.records}
    assert len(read) == 60


def test_a_reader_starts_where_it_is_told(bus: Bus, topic: str, publisher: Publisher) -> None:
    """At the earliest record, at a given offset, or after all that is there now."""
    positions = put(publisher, *numbered(topic, 6))
    partition = positions[0].topic_partition

    earliest = bus.read([topic])
    given = bus.read([topic], {partition: 4})
    latest = bus.read([topic], "latest")
    put(publisher, Record(topic, b"k", b"new"))

    assert [r.value for r in take(earliest.poll, 7)] == [b"0", b"1", b"2", b"3", b"4", b"5", b"new"]
    assert [r.value for r in take(given.poll, 3)] == [b"4", b"5", b"new"]
    assert [r.value for r in take(latest.poll, 1)] == [b"new"]
    for reader in (earliest, given, latest):
        reader.close()


def test_the_ends_of_partitions_can_be_read(bus: Bus, topic: str, publisher: Publisher) -> None:
    """The first offset held and the next one to come; unknown topics are left out."""
    positions = put(publisher, *numbered(topic, 4))
    at = positions[0].topic_partition
    admin = bus.admin()

    expected = {TopicPartition(topic, number): 0 for number in range(_PARTITIONS)}
    assert admin.begin_offsets([topic]) == expected
    assert admin.end_offsets([topic]) == expected | {at: 4}
    admin.close()


def test_creating_topics_twice_changes_nothing(bus: Bus, topic_prefix: str) -> None:
    """Only the missing ones are created and named."""
    names = [f"{topic_prefix}.a", f"{topic_prefix}.b"]
    admin = bus.admin()

    assert admin.create_topics([TopicConfig(names[0], 2)]) == names[:1]
    assert admin.create_topics([TopicConfig(name, 5) for name in names]) == names[1:]

    found = admin.describe_topics(names)
    assert {name: info.partitions for name, info in found.items()} == dict(
        zip(names, (2, 5), strict=True)
    )
    assert {info.replication_factor for info in found.values()} == {1}
    assert admin.brokers() == 1
    admin.close()


@pytest.mark.parametrize("bus", MAKES_NO_TOPICS, indirect=True)
def test_only_existing_topics_are_described(bus: Bus, topic: str) -> None:
    """With their settings, where the broker tells them."""
    admin = bus.admin()
    admin.create_topics([TopicConfig(f"{topic}.x", 1, settings={"retention.ms": "60000"})])

    found = admin.describe_topics([f"{topic}.x", f"{topic}.unknown"])

    assert list(found) == [f"{topic}.x"]
    assert found[f"{topic}.x"].settings["retention.ms"] == "60000"
    admin.close()
