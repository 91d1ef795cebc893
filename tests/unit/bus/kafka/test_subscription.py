"""What stands between us and the client's consumer: its silent stall, above all."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition as ClientPartition
from kafka.errors import CommitFailedError, KafkaTimeoutError, UnknownMemberIdError
from kafka.structs import MemberState

from bus.errors import BusUnavailableError
from bus.kafka.subscription import KafkaSubscription
from bus.records import Position, ReceivedRecord, TopicPartition
from tests.support.clock import Clock

A, B = ClientPartition("t", 0), ClientPartition("t", 1)
STALL_CHECK_S = 10.0


def record(partition: ClientPartition, offset: int) -> ReceivedRecord:
    position = Position(partition.topic, partition.partition, offset)
    return ReceivedRecord(partition.topic, b"k", b"v", (("h", b"1"),), position=position)


class FakeConsumer:
    """The client's consumer as far as we use it, with memory."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.coming: list[dict[ClientPartition, list[Any]]] = []
        self.assigned: set[ClientPartition] = {A}
        self.paused_now: set[ClientPartition] = set()
        self.ends: dict[ClientPartition, int] = {}
        self.begins: dict[ClientPartition, int] = {}
        self.known_offsets: dict[ClientPartition, int] = {}
        self.asked: list[ClientPartition] = []
        self.stored: dict[ClientPartition, Any] = {}
        self.sought: dict[ClientPartition, int] = {}
        self.timeouts_ms: list[float] = []
        self.state = MemberState.STABLE
        self.error: BaseException | None = None
        self.positions_asked: list[ClientPartition] = []
        self._subscription = SimpleNamespace(assignment={})

    def subscribe(self, topics: Sequence[str]) -> None:
        self.calls.append("subscribe")

    def unsubscribe(self) -> None:
        self.calls.append("unsubscribe")

    def close(self, **_: Any) -> None:
        self.calls.append("close")

    def poll(self, timeout_ms: float) -> dict[ClientPartition, list[Any]]:
        self.timeouts_ms.append(timeout_ms)
        polled = self.coming.pop(0) if self.coming else {}
        self.assigned |= polled.keys()
        return polled

    def assignment(self) -> set[ClientPartition]:
        return set(self.assigned)

    def pause(self, *partitions: ClientPartition) -> None:
        self.paused_now |= set(partitions)

    def paused(self) -> set[ClientPartition]:
        return set(self.paused_now)

    def resume(self, *partitions: ClientPartition) -> None:
        self.paused_now -= set(partitions)

    def seek(self, partition: ClientPartition, offset: int) -> None:
        self.sought[partition] = offset

    def commit(self, offsets: dict[ClientPartition, Any], timeout_ms: float) -> None:
        if self.error is not None:
            raise self.error
        self.stored |= offsets

    def end_offsets(
        self, partitions: Iterable[ClientPartition], timeout_ms: float
    ) -> dict[ClientPartition, int]:
        if self.error is not None:
            raise self.error
        return {at: self.ends.get(at, 0) for at in partitions}

    def beginning_offsets(
        self, partitions: Iterable[ClientPartition], timeout_ms: float
    ) -> dict[ClientPartition, int]:
        if self.error is not None:
            raise self.error
        return {at: self.begins.get(at, 0) for at in partitions}

    def committed(self, partition: ClientPartition, timeout_ms: float) -> int | None:
        self.asked.append(partition)
        return self.known_offsets.get(partition)

    def highwater(self, partition: ClientPartition) -> int | None:
        return None

    def position(self, partition: ClientPartition, timeout_ms: float) -> int:
        self.positions_asked.append(partition)
        return 0

    def reads_on_at(self, partition: ClientPartition, offset: int) -> None:
        known = SimpleNamespace(position=SimpleNamespace(offset=offset))
        self._subscription.assignment[partition] = known

    def group_metadata(self) -> SimpleNamespace:
        return SimpleNamespace(state=self.state)


@pytest.fixture
def consumers() -> list[FakeConsumer]:
    """What connecting gives, one after the other."""
    return [FakeConsumer(), FakeConsumer()]


@pytest.fixture
def subscription(clock: Clock, consumers: list[FakeConsumer]) -> KafkaSubscription:
    coming = iter(consumers)
    return KafkaSubscription({}, ["t"], STALL_CHECK_S, clock, connect=lambda *_: next(coming))


def test_the_client_is_never_polled_for_less_than_a_second(
    subscription: KafkaSubscription, consumers: list[FakeConsumer]
) -> None:
    """A short poll that ends while the group rebalances leaves it outside for good."""
    for timeout_s in (0.0, 0.3, 1.0, 2.5):
        subscription.poll(timeout_s)

    assert consumers[0].timeouts_ms == [1000, 1000, 1000, 2500]


def test_records_of_partitions_that_came_during_a_pause_are_put_back(
    subscription: KafkaSubscription, consumers: list[FakeConsumer]
) -> None:
    """A rebalance within the poll brings partitions that nobody has paused yet."""
    consumer = consumers[0]
    subscription.pause()
    consumer.coming = [{B: [record(B, 7), record(B, 8)]}]

    assert subscription.poll(1.0) == []
    assert consumer.sought == {B: 7}
    subscription.poll(1.0)
    assert consumer.paused_now == {A, B}

    subscription.resume()
    assert consumer.paused_now == set()


@pytest.mark.parametrize("error", [CommitFailedError(), UnknownMemberIdError()])
def test_a_commit_after_the_partitions_have_moved_is_dropped(
    subscription: KafkaSubscription, consumers: list[FakeConsumer], error: BaseException
) -> None:
    """Their new owner redoes the records."""
    consumers[0].error = error

    subscription.commit({TopicPartition("t", 0): 5})

    assert consumers[0].stored == {}


def test_a_commit_without_answer_is_told(
    subscription: KafkaSubscription, consumers: list[FakeConsumer]
) -> None:
    """The worker keeps the offsets for its next commit."""
    consumers[0].error = KafkaTimeoutError()

    with pytest.raises(BusUnavailableError, match="committing"):
        subscription.commit({TopicPartition("t", 0): 5})


def test_only_held_partitions_are_committed(
    subscription: KafkaSubscription, consumers: list[FakeConsumer]
) -> None:
    """As next offsets."""
    subscription.commit({TopicPartition("t", 0): 5, TopicPartition("t", 1): 9})

    assert {at: kept.offset for at, kept in consumers[0].stored.items()} == {A: 5}


def test_a_stalled_client_subscribes_anew_and_is_then_rebuilt(
    subscription: KafkaSubscription, consumers: list[FakeConsumer], clock: Clock
) -> None:
    """Records wait and none come: the client has fallen out of its group without a word."""
    first, second = consumers
    first.ends = {A: 3}

    clock.now += STALL_CHECK_S
    subscription.poll(1.0)
    assert first.calls == ["subscribe"]  # they may just have come
    subscription.poll(1.0)
    assert first.calls == ["subscribe", "unsubscribe", "subscribe"]
    clock.now += 2 * STALL_CHECK_S
    subscription.poll(1.0)
    subscription.poll(1.0)

    assert first.calls[-1] == "close"
    second.coming = [{A: [record(A, 0)]}]
    assert len(subscription.poll(1.0)) == 1
    assert second.calls == ["subscribe"]


def test_a_join_that_waits_for_dead_members_is_left_more_and_more_time(
    clock: Clock,
) -> None:
    """Whoever leaves it is one of them himself, until his session is over."""
    joining = [FakeConsumer() for _ in range(4)]
    for consumer in joining:
        consumer.assigned, consumer.state = set(), MemberState.REBALANCING
    coming = iter(joining)
    subscription = KafkaSubscription(
        {}, ["t"], STALL_CHECK_S, clock, connect=lambda *_: next(coming)
    )
    remedies_at: list[float] = []
    for _ in range(250):
        before = [list(consumer.calls) for consumer in joining]
        clock.now += 1
        subscription.poll(1.0)
        if [consumer.calls for consumer in joining] != before:
            remedies_at.append(clock.now)

    waits = [after - before for before, after in pairwise(remedies_at)]
    assert waits == [21, 41, 81, 81]


def test_an_idle_member_is_no_stalled_one(
    subscription: KafkaSubscription, consumers: list[FakeConsumer], clock: Clock
) -> None:
    """Nothing new to read, or no partition at all because others have them."""
    consumer = consumers[0]
    consumer.coming = [{A: [record(A, 0)]}]
    consumer.ends = {A: 1}
    subscription.poll(1.0)

    for _ in range(5):
        clock.now += STALL_CHECK_S
        subscription.poll(1.0)
    consumer.assigned = set()
    for _ in range(5):
        clock.now += STALL_CHECK_S
        subscription.poll(1.0)

    assert consumer.calls == ["subscribe"]


def test_a_member_that_never_joins_is_stalled(
    subscription: KafkaSubscription, consumers: list[FakeConsumer], clock: Clock
) -> None:
    """It has no partitions by whose ends one could see it."""
    consumers[0].assigned = set()
    consumers[0].state = MemberState.REBALANCING
    clock.now += STALL_CHECK_S

    subscription.poll(1.0)
    subscription.poll(1.0)

    assert consumers[0].calls == ["subscribe", "unsubscribe", "subscribe"]


def test_a_pause_is_no_stall(
    subscription: KafkaSubscription, consumers: list[FakeConsumer], clock: Clock
) -> None:
    """A database may be away for hours."""
    consumers[0].ends = {A: 100}
    subscription.pause()

    for _ in range(5):
        clock.now += STALL_CHECK_S
        subscription.poll(1.0)

    assert consumers[0].calls == ["subscribe"]
    assert subscription.lag() == {TopicPartition("t", 0): 100}


def test_a_position_that_the_client_knows_is_not_asked_for(
    subscription: KafkaSubscription, consumers: list[FakeConsumer]
) -> None:
    """Asking is dear, and done for every partition after every batch."""
    consumers[0].ends = {A: 100}
    assert subscription.lag() == {TopicPartition("t", 0): 100}
    assert consumers[0].positions_asked == [A]

    consumers[0].reads_on_at(A, 40)

    assert subscription.lag() == {TopicPartition("t", 0): 60}
    assert consumers[0].positions_asked == [A]


def test_a_broker_that_does_not_answer_is_told(
    subscription: KafkaSubscription, consumers: list[FakeConsumer], clock: Clock
) -> None:
    """The client's poll is silent about it; the check is not."""
    consumers[0].error = KafkaTimeoutError()
    clock.now += STALL_CHECK_S

    with pytest.raises(BusUnavailableError):
        subscription.poll(1.0)


def test_what_retention_removed_before_we_came_is_told_once(
    subscription: KafkaSubscription, consumers: list[FakeConsumer]
) -> None:
    """The client only moves to the first record left."""
    consumer = consumers[0]
    consumer.assigned = {A, B}
    consumer.begins = {A: 10, B: 5}
    consumer.known_offsets = {A: 4, B: 5}
    consumer.coming = [{A: [record(A, 10)]}]

    subscription.poll(1.0)

    assert subscription.lost() == {TopicPartition("t", 0): 6}
    subscription.poll(1.0)
    assert subscription.lost() == {}


def test_a_new_group_has_lost_nothing(
    subscription: KafkaSubscription, consumers: list[FakeConsumer]
) -> None:
    """It begins with what there is; where nothing was removed nobody is asked."""
    consumers[0].assigned = {A, B}
    consumers[0].begins = {A: 10}

    subscription.poll(1.0)

    assert subscription.lost() == {}
    assert consumers[0].asked == [A]


def test_what_retention_removed_while_we_lagged_is_told(
    subscription: KafkaSubscription, consumers: list[FakeConsumer]
) -> None:
    """A gap before the first offset; a gap that a transaction leaves is none."""
    consumer = consumers[0]
    consumer.coming = [{A: [record(A, 0)]}, {A: [record(A, 3)]}, {A: [record(A, 20)]}]
    subscription.poll(1.0)
    subscription.poll(1.0)
    assert subscription.lost() == {}

    consumer.begins = {A: 20}
    subscription.poll(1.0)

    assert subscription.lost() == {TopicPartition("t", 0): 16}


def test_a_partition_that_comes_back_is_looked_at_again(
    subscription: KafkaSubscription, consumers: list[FakeConsumer]
) -> None:
    """Another member held it meanwhile and may have lagged."""
    consumer = consumers[0]
    subscription.poll(1.0)
    consumer.assigned = set()
    subscription.poll(1.0)
    consumer.assigned, consumer.begins, consumer.known_offsets = {A}, {A: 7}, {A: 2}

    subscription.poll(1.0)

    assert subscription.lost() == {TopicPartition("t", 0): 5}
