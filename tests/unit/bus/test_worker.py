"""The loop that must neither lose a record nor commit one that is not settled."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Literal

import pytest
from prometheus_client import REGISTRY

from bus.backoff import BackoffPolicy
from bus.deadletter import read_dead_letter
from bus.errors import (
    Backpressure,
    BusUnavailableError,
    Poison,
    PublishTimeoutError,
    RecordRefusedError,
    Transient,
)
from bus.fuse import FuseBlownError, FuseLimits
from bus.memory import MemoryBus
from bus.memory.publisher import MemoryPublisher
from bus.memory.subscription import MemorySubscription
from bus.protocols import Admin, Publisher, Reader, Subscription
from bus.records import NextOffsets, Position, ReceivedRecord, Record, TopicPartition
from bus.runtime.health import Check
from bus.worker import Worker, WorkerOptions, WorkerPart, telling

TOPIC, DEAD, GROUP = "t", "t.deadletter", "g"
QUICK = WorkerOptions(
    poll_s=0.01,
    gather_s=0,
    retry=BackoffPolicy(0.001, 0.001),
    reconnect=BackoffPolicy(0.001, 0.001),
)
Batch = Sequence[ReceivedRecord]


class Journal:
    """A bus that writes down publishes and commits in the order in which they happen."""

    def __init__(self, inner: MemoryBus) -> None:
        self.entries: list[object] = []
        self.commit_error: BaseException | None = None
        self.subscribe_errors: list[BusUnavailableError] = []
        self.before_subscribe: Callable[[], None] = lambda: None
        self.lost: Callable[[], Mapping[TopicPartition, int]] | None = None
        self._inner = inner

    def publisher(self, client: str) -> Publisher:
        return _JournalPublisher(self._inner.publisher(client), self)

    def subscribe(self, group: str, topics: Sequence[str], client: str) -> Subscription:
        self.before_subscribe()
        if self.subscribe_errors:
            raise self.subscribe_errors.pop(0)
        return _JournalSubscription(self._inner.subscribe(group, topics, client), self)

    def read(
        self,
        topics: Sequence[str],
        start: Literal["earliest", "latest"] | Mapping[TopicPartition, int] = "earliest",
    ) -> Reader:
        return self._inner.read(topics, start)

    def admin(self) -> Admin:
        return self._inner.admin()


class _JournalPublisher:
    def __init__(self, inner: MemoryPublisher, journal: Journal) -> None:
        self._inner = inner
        self._journal = journal

    async def publish(self, record: Record) -> Position:
        return await self._inner.publish(record)

    def submit(self, record: Record) -> "Future[Position]":
        future = self._inner.submit(record)
        if future.exception() is None:
            self._journal.entries.append(("parked", record.value))
        return future

    def healthy(self) -> str | None:
        return self._inner.healthy()

    def unanswered_s(self) -> float:
        return self._inner.unanswered_s()

    def close(self, timeout_s: float = 10.0) -> None:
        self._inner.close(timeout_s)


class _JournalSubscription:
    def __init__(self, inner: MemorySubscription, journal: Journal) -> None:
        self._inner = inner
        self._journal = journal
        self.poll = inner.poll
        self.pause = inner.pause
        self.resume = inner.resume
        self.assignment = inner.assignment
        self.lag = inner.lag
        self.lost: Callable[[], Mapping[TopicPartition, int]] = journal.lost or inner.lost
        self.close = inner.close

    def commit(self, next_offsets: NextOffsets) -> None:
        if self._journal.commit_error is not None:
            error, self._journal.commit_error = self._journal.commit_error, None
            raise error
        self._inner.commit(next_offsets)
        self._journal.entries.append(("committed", max(next_offsets.values())))


class Sink:
    """A handler that keeps what it can, and stops its worker at the end."""

    def __init__(self, until: int) -> None:
        self.kept: list[bytes] = []
        self.batches: list[list[bytes]] = []
        self.verdicts: list[BaseException] = []
        self.states: list[Check] = []
        self.worker: Worker
        self._until = until

    def handle(self, batch: Batch) -> None:
        values = [record.value or b"" for record in batch]
        self.batches.append(values)
        self.states.append(self.worker.state())
        if self.verdicts:
            raise self.verdicts.pop(0)
        if any(value.startswith(b"bad") for value in values):
            raise Poison("bad", "it says so")
        self.kept += values
        if len(self.kept) >= self._until:
            self.worker.stop()


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus([TOPIC, DEAD], partitions=1)


def put(bus: MemoryBus, *values: bytes, topic: str = TOPIC) -> None:
    publisher = bus.publisher("test")
    for value in values:
        publisher.submit(Record(topic, b"k", value)).result(0)


def make_worker(
    bus: MemoryBus | Journal,
    sink: Sink,
    options: WorkerOptions = QUICK,
    topics: tuple[str, ...] = (TOPIC,),
) -> Worker:
    worker = Worker("storage", bus, GROUP, topics, sink, dead_letter_topic=DEAD, options=options)
    sink.worker = worker
    return worker


def committed(bus: MemoryBus) -> int:
    return bus.admin().committed(GROUP).get(TopicPartition(TOPIC, 0), 0)


def test_offsets_are_committed_after_the_handler_returned(bus: MemoryBus) -> None:
    """And then the next one to read."""
    put(bus, b"a", b"b", b"c")
    sink = Sink(until=3)

    make_worker(bus, sink).run()

    assert sink.kept == [b"a", b"b", b"c"]
    assert committed(bus) == 3


def test_a_crash_between_write_and_commit_redoes_the_batch(bus: MemoryBus) -> None:
    """Nothing is lost; handling twice is the handler's to bear."""
    put(bus, b"a", b"b")
    journal = Journal(bus)
    journal.commit_error = RuntimeError("power cut")
    first, second = Sink(until=99), Sink(until=2)

    with pytest.raises(RuntimeError, match="power cut"):
        make_worker(journal, first).run()
    make_worker(journal, second).run()

    assert (first.kept, second.kept) == ([b"a", b"b"], [b"a", b"b"])
    assert committed(bus) == 2


def test_poison_is_parked_before_the_commit(bus: MemoryBus) -> None:
    """A crash between the two must repeat the parking, never lose the record."""
    put(bus, b"bad")
    journal = Journal(bus)
    journal.commit_error = RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        make_worker(journal, Sink(until=99)).run()
    put(bus, b"good")
    make_worker(journal, Sink(until=1)).run()

    assert journal.entries[:2] == [("parked", b"bad"), ("parked", b"bad")]
    assert all(kind == "committed" for kind, _ in journal.entries[2:])  # type: ignore[misc] # pairs
    assert committed(bus) == 2


@pytest.mark.parametrize("bad_at", [{0}, {9}, {4}, {0, 9}, {3, 4, 5}, set(range(1, 10))])
def test_poison_is_parked_and_everything_else_handled_in_order(
    bus: MemoryBus, bad_at: set[int]
) -> None:
    """Each good record exactly once, wherever the bad ones lie in the batch."""
    values = [f"{'bad' if n in bad_at else 'good'}{n}".encode() for n in range(10)]
    put(bus, *values, b"last")
    good = [value for value in values if value.startswith(b"good")]
    sink = Sink(until=len(good) + 1)

    make_worker(bus, sink).run()

    assert sink.kept == [*good, b"last"]
    parked = [read_dead_letter(record) for record in bus.records(DEAD)]
    assert [dead.offset for dead in parked] == sorted(bad_at)
    assert {(dead.consumer, dead.reason, dead.detail) for dead in parked} == {
        ("storage", "bad", "it says so")
    }
    assert committed(bus) == 11


def test_a_transient_fault_keeps_the_batch(bus: MemoryBus) -> None:
    """The same records again, nothing committed meanwhile, the reason to be seen."""
    put(bus, b"a", b"b")
    journal = Journal(bus)
    sink = Sink(until=2)
    sink.verdicts = [Transient("the database is away"), Transient("the database is away")]

    make_worker(journal, sink).run()

    assert sink.batches == [[b"a", b"b"]] * 3
    assert [state.reason for state in sink.states[1:]] == ["the database is away"] * 2
    assert {state.status for state in sink.states[1:]} == {"failing"}
    assert journal.entries == [("committed", 2)]


def test_what_was_settled_before_a_transient_fault_is_committed(bus: MemoryBus) -> None:
    """A restart in the middle of a long outage redoes less."""
    put(bus, b"a", b"b", b"bad", b"c")
    journal = Journal(bus)
    sink = Sink(until=3)
    fault = Transient("away")
    # all four, then the first half, then the second half: poison, poison's half: away
    sink.verdicts = []
    handle = sink.handle
    seen: list[int] = []

    def away_once(batch: Batch) -> None:
        seen.append(len(batch))
        if [r.value for r in batch] == [b"bad", b"c"] and seen.count(2) == 2:
            raise fault
        handle(batch)

    sink.handle = away_once  # type: ignore[method-assign] # a fault of this test's own
    make_worker(journal, sink).run()

    assert journal.entries == [("committed", 2), ("parked", b"bad"), ("committed", 4)]


def test_backpressure_waits_and_leaves_the_consumer_ready(bus: MemoryBus) -> None:
    """Busy is not broken."""
    put(bus, b"a")
    sink = Sink(until=1)
    sink.verdicts = [Backpressure("too much at once", retry_after_s=0.001)]

    make_worker(bus, sink).run()

    assert sink.batches == [[b"a"], [b"a"]]
    assert (sink.states[1].status, sink.states[1].reason) == ("degraded", "too much at once")


def test_a_parking_that_is_not_acknowledged_is_tried_again(bus: MemoryBus) -> None:
    """Without the acknowledgement there is no commit."""
    put(bus, b"bad", b"good")
    bus.faults.fail_publishes(PublishTimeoutError("no answer"), count=2)
    bus.faults.lose_acks(1)
    journal = Journal(bus)

    make_worker(journal, Sink(until=1)).run()

    assert [record.value for record in bus.records(DEAD)] == [b"bad", b"bad"]
    assert journal.entries[0] == ("parked", b"bad")
    assert committed(bus) == 2


def test_a_record_that_cannot_be_parked_stops_the_worker(bus: MemoryBus) -> None:
    """Going on would lose it."""
    put(bus, b"bad")
    bus.faults.fail_publishes(RecordRefusedError("too large"))
    worker = make_worker(bus, Sink(until=99))

    with pytest.raises(RecordRefusedError, match=r"raise max\.message\.bytes of t\.deadletter"):
        worker.run()

    assert committed(bus) == 0
    assert "cannot be parked" in str(worker.state().reason)


def test_a_dead_letter_is_not_parked_again(bus: MemoryBus) -> None:
    """It would go round for ever: it stays where it is and the worker goes on."""
    put(bus, b"bad", topic=DEAD)
    put(bus, b"good", topic=DEAD)
    sink = Sink(until=1)

    make_worker(bus, sink, topics=(DEAD,)).run()

    assert sink.kept == [b"good"]
    assert len(bus.records(DEAD)) == 2
    assert bus.admin().committed(GROUP) == {TopicPartition(DEAD, 0): 2}


def test_a_flood_of_poison_blows_the_fuse(bus: MemoryBus) -> None:
    """The worker stops with its reason, most of the topic untouched."""
    put(bus, *(b"bad%d" % number for number in range(500)))
    options = WorkerOptions(poll_s=0.01, gather_s=0, fuse=FuseLimits(window=20, per_minute=1000))
    worker = make_worker(bus, Sink(until=1), options)

    with pytest.raises(FuseBlownError):
        worker.run()

    assert len(bus.records(DEAD)) == 20
    assert worker.state().status == "failing"
    assert "20 of the last 20 records were parked" in str(worker.state().reason)
    assert committed(bus) <= 20


def test_an_unexpected_error_stops_the_worker(bus: MemoryBus) -> None:
    """Its cause is unknown: the batch is kept for whoever starts it again."""
    put(bus, b"a")
    sink = Sink(until=99)
    sink.verdicts = [ZeroDivisionError("a bug")]
    worker = make_worker(bus, sink)

    with pytest.raises(ZeroDivisionError):
        worker.run()

    assert committed(bus) == 0
    assert worker.state().reason == "stopped: a bug"


def test_an_absent_broker_is_waited_for(bus: MemoryBus) -> None:
    """At the start, visibly."""
    put(bus, b"a")
    journal = Journal(bus)
    journal.subscribe_errors = [BusUnavailableError("nobody listens")] * 3
    sink = Sink(until=1)
    worker = make_worker(journal, sink)
    states: list[str | None] = []
    journal.before_subscribe = lambda: states.append(worker.state().reason)

    worker.run()

    assert states == ["not connected to Kafka yet", *["nobody listens"] * 3]
    assert sink.kept == [b"a"]


def test_a_commit_without_answer_is_made_up_for(bus: MemoryBus) -> None:
    """The records are settled; only their offsets are still to be stored."""
    put(bus, b"a", b"b")
    journal = Journal(bus)
    journal.commit_error = BusUnavailableError("no answer")
    sink = Sink(until=2)

    make_worker(journal, sink).run()

    assert sink.kept == [b"a", b"b"]
    assert journal.entries == [("committed", 2)]


def test_records_of_a_lost_partition_are_left_to_their_new_owner() -> None:
    """Who does not hold the partition must not settle what waits of it."""
    bus = MemoryBus([TOPIC, DEAD], partitions=2)
    publisher = bus.publisher("test")
    for number in range(20):
        publisher.submit(Record(TOPIC, str(number).encode(), b"v")).result(0)
    options = WorkerOptions(poll_s=0.001, gather_s=0, retry=BackoffPolicy(0.02, 0.02))
    held: list[set[int]] = []

    class Losing:
        def handle(self, batch: Batch) -> None:
            held.append({record.position.partition for record in batch})
            if len(held) == 1:
                bus.subscribe(GROUP, [TOPIC], "another")
                raise Transient("wait a moment")
            worker.stop()

    worker = Worker("s", bus, GROUP, [TOPIC], Losing(), dead_letter_topic=DEAD, options=options)
    worker.run()

    assert held == [{0, 1}, {0}]
    assert set(bus.admin().committed(GROUP)) == {TopicPartition(TOPIC, 0)}


def test_stop_leaves_what_is_not_handled_uncommitted(bus: MemoryBus) -> None:
    """The next worker gets it."""
    put(bus, b"a", b"bad", b"c", b"d")
    sink = Sink(until=1)

    make_worker(bus, sink).run()

    assert sink.kept == [b"a"]
    assert committed(bus) == 1


async def test_a_part_runs_the_worker_until_it_is_stopped(bus: MemoryBus) -> None:
    """Stopping returns once the thread has ended."""
    put(bus, b"a")
    sink = Sink(until=99)
    handled = threading.Event()
    sink_handle = sink.handle

    def handle(batch: Batch) -> None:
        sink_handle(batch)
        handled.set()

    sink.handle = handle  # type: ignore[method-assign] # to know when
    failures: list[str] = []
    part = WorkerPart(make_worker(bus, sink), failures.append)

    await part.start()
    assert await asyncio.to_thread(handled.wait, 10)
    await part.stop()

    assert part.name == "storage"
    assert (committed(bus), failures) == (1, [])


async def test_a_part_says_when_its_worker_dies(bus: MemoryBus) -> None:
    """So that the process can end and be started again."""
    put(bus, b"a")
    sink = Sink(until=99)
    sink.verdicts = [ZeroDivisionError("a bug")]
    died = threading.Event()
    failures: list[str] = []

    def fail(reason: str) -> None:
        failures.append(reason)
        died.set()

    part = WorkerPart(make_worker(bus, sink), fail)
    await part.start()

    assert await asyncio.to_thread(died.wait, 10)
    assert failures == ["storage: a bug"]
    await part.stop()


async def test_a_blown_fuse_leaves_the_process_there_to_say_so(bus: MemoryBus) -> None:
    """Started anew by a supervisor it would park as many again, until the topic is empty."""
    put(bus, *(b"bad%d" % number for number in range(50)))
    options = WorkerOptions(poll_s=0.01, gather_s=0, fuse=FuseLimits(window=20, per_minute=1000))
    failures: list[str] = []
    worker = make_worker(bus, Sink(until=1), options)
    part = WorkerPart(worker, failures.append)

    await part.start()
    async with asyncio.timeout(20):
        while "stopped" not in str(worker.state().reason):  # noqa: ASYNC110 - the thread tells nobody
            await asyncio.sleep(0.01)
    await part.stop()

    assert failures == []
    assert worker.state().status == "failing"
    assert "mend the consumer, then start it again" in str(worker.state().reason)


def test_records_lost_to_retention_are_named_in_health(bus: MemoryBus) -> None:
    """Reading goes on: it degrades, and each topic's loss is added up."""
    put(bus, b"a")
    journal = Journal(bus)
    news = [{TopicPartition(TOPIC, 0): 3, TopicPartition(TOPIC, 1): 4}, {}]
    journal.lost = lambda: news.pop(0) if news else {}
    before = REGISTRY.get_sample_value(*_LOST) or 0.0
    worker = make_worker(journal, Sink(until=1))

    worker.run()

    assert worker.state().status == "degraded"
    assert "7 of t" in str(worker.state().reason)
    assert REGISTRY.get_sample_value(*_LOST) == before + 7


_LOST = ("inferbus_records_lost_total", {"consumer": "storage", "topic": TOPIC})


async def test_a_worker_that_left_stays_outside_until_it_may_join_anew(bus: MemoryBus) -> None:
    """For a broker that is replaced: offsets of the old one mean nothing on the next."""
    journal = Journal(bus)
    subscribed: list[int] = []
    journal.before_subscribe = lambda: subscribed.append(1)
    sink = Sink(until=1)
    worker = make_worker(journal, sink)
    ended = asyncio.create_task(asyncio.to_thread(worker.run))

    assert await asyncio.to_thread(worker.leave, 10)
    before = len(subscribed)
    put(bus, b"a")
    assert (sink.kept, len(subscribed)) == ([], before)
    worker.rejoin()
    await ended

    assert (sink.kept, len(subscribed)) == ([b"a"], before + 1)


async def test_a_batch_in_hand_is_given_up_by_leaving(bus: MemoryBus) -> None:
    """It is not committed: the next broker's offsets are others."""
    put(bus, b"a")
    sink = Sink(until=99)
    sink.verdicts = [Transient("away")] * 1000
    worker = make_worker(bus, sink)
    ended = asyncio.create_task(asyncio.to_thread(worker.run))

    assert await asyncio.to_thread(worker.leave, 10)

    assert committed(bus) == 0
    worker.stop()
    await ended


def test_whoever_asks_is_told_what_was_handled(bus: MemoryBus) -> None:
    """And nothing of a batch that was not."""
    put(bus, b"a", b"bad", b"b")
    told: list[bytes] = []
    sink = Sink(until=2)

    def on_handled(consumer: str, batch: Batch) -> None:
        told.extend(record.value or b"" for record in batch)

    handler = telling(sink, "storage", on_handled)
    sink.worker = Worker(
        "storage", bus, GROUP, (TOPIC,), handler, dead_letter_topic=DEAD, options=QUICK
    )

    sink.worker.run()

    assert told == [b"a", b"b"]
