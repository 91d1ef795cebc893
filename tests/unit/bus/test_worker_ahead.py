"""Reading ahead must neither lose a record nor commit one that is not settled."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from bus.backoff import BackoffPolicy
from bus.errors import BusUnavailableError, Poison, Transient
from bus.memory import MemoryBus
from bus.protocols import Admin, Publisher, Reader, Subscription
from bus.records import NextOffsets, Position, ReceivedRecord, TopicPartition
from bus.worker import Worker, WorkerOptions

TOPIC, DEAD, GROUP = "t", "t.deadletter", "g"
ONE, OTHER = TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)
QUICK = WorkerOptions(
    poll_s=0.01,
    gather_s=0,
    retry=BackoffPolicy(0.001, 0.001),
    reconnect=BackoffPolicy(0.001, 0.001),
)
PATIENCE_S = 60.0


def records(*offsets: int, partition: int = 0, size: int = 1) -> list[ReceivedRecord]:
    value = b"x" * size
    return [
        ReceivedRecord(TOPIC, b"k", value, position=Position(TOPIC, partition, n), timestamp_ms=0)
        for n in offsets
    ]


class Script:
    """A bus whose one subscription hands over these batches; each may come with a surprise."""

    def __init__(
        self, *polls: Sequence[ReceivedRecord] | BaseException, more: int | None = None
    ) -> None:
        self.polls = list(polls)
        self.held = frozenset({ONE, OTHER})
        self.at_poll: Callable[[int], None] = lambda _number: None
        self.at_commit: Callable[[], object] = nothing
        self.polled = 0
        self.committed: dict[TopicPartition, int] = {}
        self.commits: list[dict[TopicPartition, int]] = []
        self._more = more
        self._memory = MemoryBus([TOPIC, DEAD])

    def publisher(self, client: str) -> Publisher:
        return self._memory.publisher(client)

    def subscribe(self, _group: str, _topics: Sequence[str], _client: str) -> Subscription:
        return self

    def read(self, *_arguments: object) -> Reader:
        raise AssertionError("a worker reads by its subscription")

    def admin(self) -> Admin:
        return self._memory.admin()

    def poll(self, _timeout_s: float) -> list[ReceivedRecord]:
        self.polled += 1
        self.at_poll(self.polled)
        if not self.polls:
            return []
        batch = self.polls.pop(0)
        if isinstance(batch, BaseException):
            raise batch
        return list(batch)

    def commit(self, next_offsets: NextOffsets) -> None:
        held = {at: offset for at, offset in next_offsets.items() if at in self.held}
        self.commits.append(held)
        self.committed |= held
        self.at_commit()

    def pause(self) -> None:
        """Nothing to do: the script has its own times."""

    def resume(self) -> None:
        """Nothing to do."""

    def assignment(self) -> frozenset[TopicPartition]:
        return self.held

    def lag(self) -> dict[TopicPartition, int]:
        left = len(self.polls) if self._more is None else self._more
        return dict.fromkeys(self.held, left)

    def lost(self) -> dict[TopicPartition, int]:
        return {}

    def close(self) -> None:
        """Nothing to do."""


class Hand:
    """A handler that notes what it was given, and does what each call is told to."""

    def __init__(self, until: int, *acts: Callable[[], None]) -> None:
        self.kept: list[tuple[int, int]] = []
        self.batches: list[Sequence[ReceivedRecord]] = []
        self.worker: Worker
        self._until = until
        self._acts = list(acts)

    def handle(self, batch: Sequence[ReceivedRecord]) -> None:
        self.batches.append(batch)
        if self._acts:
            self._acts.pop(0)()
        self.kept += [(record.position.partition, record.position.offset) for record in batch]
        if len(self.kept) >= self._until:
            self.worker.stop()


def nothing() -> None:
    """Let the batch be kept."""


def fail(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def a_worker(script: Script, hand: Hand, options: WorkerOptions = QUICK) -> Worker:
    worker = Worker("ahead", script, GROUP, [TOPIC], hand, dead_letter_topic=DEAD, options=options)
    hand.worker = worker
    return worker


def test_the_next_batch_is_read_while_one_is_handled() -> None:
    """The handler waits for it, so without reading ahead this would end in an error."""
    script = Script(records(0), records(1))
    read_ahead = threading.Event()
    script.at_poll = lambda number: read_ahead.set() if number == 2 else None

    def wait() -> None:
        assert read_ahead.wait(PATIENCE_S)

    a_worker(script, hand := Hand(2, wait)).run()

    assert hand.kept == [(0, 0), (0, 1)]
    assert script.committed == {ONE: 2}


def test_after_a_few_records_what_comes_gathers() -> None:
    """The first is handled and committed at once; a stop does not wait for the others."""
    script = Script(records(0), records(1), more=0)
    is_committed = threading.Event()
    hand = Hand(9)
    worker = a_worker(script, hand, replace(QUICK, gather_s=PATIENCE_S))
    script.at_commit = is_committed.set
    thread = threading.Thread(target=worker.run)
    thread.start()

    assert is_committed.wait(PATIENCE_S)
    worker.stop()
    thread.join(PATIENCE_S / 2)

    assert not thread.is_alive()
    assert hand.kept == [(0, 0)]


def test_nothing_gathers_after_many_records_or_while_more_wait() -> None:
    """At full speed it would cost a tenth of a second a batch."""
    script = Script(records(*range(64)), records(64), records(65))

    a_worker(script, hand := Hand(66), replace(QUICK, gather_s=PATIENCE_S)).run()

    assert len(hand.kept) == 66


def test_the_next_batch_is_shown_while_one_is_handled() -> None:
    """Who foresees it may prepare for it; it is the very batch that is handled then."""
    script = Script(records(0), records(1))
    foreseen: list[Sequence[ReceivedRecord]] = []
    shown = threading.Event()

    def foresee(batch: Sequence[ReceivedRecord]) -> None:
        foreseen.append(batch)
        shown.set()

    def wait() -> None:
        assert shown.wait(PATIENCE_S)

    a_worker(script, hand := Hand(2, wait), replace(QUICK, foresee=foresee)).run()

    assert hand.batches[1] is foreseen[0]
    assert len(foreseen) == 1


def test_what_fails_while_it_foresees_stops_the_worker_and_loses_nothing() -> None:
    """The batch in the handler's hands is settled all the same."""
    script = Script(records(0), records(1))

    def fail_at(batch: Sequence[ReceivedRecord]) -> None:
        raise RuntimeError(f"no bug of the worker with {len(batch)} records")

    with pytest.raises(RuntimeError, match="no bug of the worker"):
        a_worker(script, hand := Hand(9), replace(QUICK, foresee=fail_at)).run()

    assert hand.kept == [(0, 0)]


def test_no_more_than_one_batch_is_read_ahead() -> None:
    script = Script(records(0), records(1), records(2))
    polled: list[int] = []
    script.at_poll = polled.append
    seen: list[int] = []

    def hold() -> None:
        while len(polled) < 2:
            threading.Event().wait(0.001)
        raise Transient("away")

    def look() -> None:
        seen.append(script.polls == [records(2)])

    a_worker(script, Hand(3, hold, look)).run()

    assert seen == [True]
    assert script.committed == {ONE: 3}


@pytest.mark.parametrize("more", [0, 1])
def test_nothing_is_read_ahead_where_nothing_waits_or_records_are_large(more: int) -> None:
    """A poll that waits would hold up the commit; two batches of large records take memory."""
    script = Script(records(0, size=9 << 20 if more else 1), records(1), more=more)
    polled_by_then: list[int] = []

    a_worker(script, Hand(2, lambda: polled_by_then.append(script.polled))).run()

    assert polled_by_then == [1]
    assert script.commits[0] == {ONE: 1}  # before the second batch was read


def test_what_was_read_ahead_is_not_committed_when_the_handler_fails() -> None:
    script = Script(records(0), records(1), records(2))

    with pytest.raises(RuntimeError, match="no bug of the worker"):
        a_worker(script, Hand(9, nothing, fail(RuntimeError("no bug of the worker")))).run()

    assert script.committed == {ONE: 1}


def test_what_was_read_ahead_is_left_alone_by_a_stop() -> None:
    script = Script(records(0), records(1))

    a_worker(script, hand := Hand(1)).run()

    assert hand.kept == [(0, 0)]
    assert script.committed == {ONE: 1}


def test_what_was_read_ahead_is_given_up_with_its_partition() -> None:
    """Its new owner handles it."""
    script = Script(records(0) + records(0, partition=1), records(1) + records(1, partition=1))

    def lose(number: int) -> None:
        if number == 2:  # within the poll that reads ahead
            script.held = frozenset({OTHER})

    script.at_poll = lose

    a_worker(script, hand := Hand(3)).run()

    assert hand.kept == [(0, 0), (1, 0), (1, 1)]
    assert script.committed == {OTHER: 2}


def test_a_partition_that_comes_back_is_not_committed_past_what_was_given_up() -> None:
    """
    The batch in hand is dropped with its partition; the one read ahead is from before, too.

    Nobody may have handled what was dropped, so what lies behind it must not be committed.
    """
    script = Script(records(0, 1), records(2, 3), records(0, 1))
    read_ahead = threading.Event()
    script.at_poll = lambda number: read_ahead.set() if number == 2 else None

    def away() -> None:
        assert read_ahead.wait(PATIENCE_S)
        script.held = frozenset({OTHER})
        raise Transient("away")

    worker = a_worker(script, hand := Hand(4, away))
    still_ours = worker._still_ours

    def regain(subscription: Subscription, chunk: Sequence[ReceivedRecord]) -> object:
        left = still_ours(subscription, chunk)
        if not left:
            script.held = frozenset({ONE, OTHER})  # it is back right after the batch was dropped
        return left

    worker._still_ours = regain  # type: ignore[method-assign,assignment]
    worker.run()

    assert hand.kept == [(0, 2), (0, 3), (0, 0), (0, 1)]
    assert [each[ONE] for each in script.commits if ONE in each] == [2]


def test_a_rewind_while_reading_ahead_is_read_again() -> None:
    """Handled twice, and committed no further than was handled."""
    script = Script(records(0, 1), records(0, 1, 2))

    a_worker(script, hand := Hand(5)).run()

    assert hand.kept == [(0, 0), (0, 1), (0, 0), (0, 1), (0, 2)]
    assert script.committed == {ONE: 3}


def test_a_broker_that_goes_while_reading_ahead_takes_nothing_from_the_handler() -> None:
    """The batch in hand is handled to its end, then the group is joined anew."""
    script = Script(records(0), BusUnavailableError("away"), records(0), records(1))

    a_worker(script, hand := Hand(3)).run()

    assert hand.kept == [(0, 0), (0, 0), (0, 1)]
    assert script.committed == {ONE: 2}


def test_poison_beside_a_batch_that_was_read_ahead_is_parked_and_the_order_kept() -> None:
    script = Script(records(0, 1), records(2))
    hand = Hand(2, fail(Poison("bad", "both")), fail(Poison("bad", "the first")))

    a_worker(script, hand).run()

    assert hand.kept == [(0, 1), (0, 2)]
    assert script.committed == {ONE: 3}


def test_lag_counts_what_was_read_ahead() -> None:
    script = Script(records(0), records(1, 2), records(3))
    seen: list[float | None] = []

    def look() -> None:
        labels = {"consumer": "ahead", "topic": TOPIC}
        seen.append(REGISTRY.get_sample_value("inferbus_consumer_lag", labels))

    a_worker(script, Hand(4, nothing, look)).run()

    # After the first batch two were at hand, and one more batch for each of two partitions.
    assert seen == [2.0 + 2 * 1]


def test_lag_counts_what_is_in_hand_and_cannot_be_handled() -> None:
    """Where nothing comes after it, nothing else shows that it waits."""
    script = Script(records(0, 1), more=0)
    seen: list[float | None] = []

    def look() -> None:
        labels = {"consumer": "ahead", "topic": TOPIC}
        seen.append(REGISTRY.get_sample_value("inferbus_consumer_lag", labels))

    hand = Hand(2, fail(Transient("the database is away")), look)
    a_worker(script, hand, replace(QUICK, poll_s=0.0)).run()

    assert seen == [2.0]
    look()
    assert seen == [2.0, 0.0]
