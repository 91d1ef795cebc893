"""No offset is committed past a record that is not settled."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bus.offsets import OffsetTracker
from bus.records import Position, TopicPartition

P0 = TopicPartition("t", 0)


def at(*offsets: int, partition: int = 0) -> list[Position]:
    return [Position("t", partition, offset) for offset in offsets]


@given(st.sets(st.integers(0, 200), min_size=1), st.data())
def test_any_order_of_settling_commits_the_settled_run(
    offsets: set[int], data: st.DataObject
) -> None:
    """Gaps in the offsets themselves (compaction, transactions) are no gaps in settling."""
    tracker = OffsetTracker()
    tracker.received(at(*sorted(offsets)))
    settled: set[int] = set()

    for offset in data.draw(st.permutations(sorted(offsets))):
        tracker.settled(at(offset))
        settled.add(offset)
        run = 0
        ordered = sorted(offsets)
        while run < len(ordered) and ordered[run] in settled:
            run += 1
        expected = {P0: ordered[run - 1] + 1} if run else {}
        assert tracker.committable() == expected


def test_what_was_committed_is_not_committed_again() -> None:
    """Until it moves on."""
    tracker = OffsetTracker()
    tracker.received(at(0, 1, 2))
    tracker.settled(at(0, 1))
    tracker.committed()

    assert tracker.committable() == {}
    tracker.settled(at(2))
    assert tracker.committable() == {P0: 3}


def test_a_rewind_starts_over() -> None:
    """Records that come again are not settled by what was settled before."""
    tracker = OffsetTracker()
    tracker.received(at(0, 1, 2, 3))
    tracker.settled(at(0, 2, 3))
    tracker.received(at(1, 2, 3))

    assert tracker.committable() == {}
    tracker.settled(at(1))
    assert tracker.committable() == {P0: 2}


def test_a_lost_partition_is_forgotten() -> None:
    """Its new owner commits; the others go on."""
    tracker = OffsetTracker()
    tracker.received(at(0, 1) + at(5, 6, partition=1))
    tracker.settled(at(0) + at(5, partition=1))
    tracker.forget(P0)
    tracker.settled(at(1) + at(6, partition=1))

    assert tracker.committable() == {TopicPartition("t", 1): 7}


class Consuming(RuleBasedStateMachine):
    """Receive, settle in any order, commit, rewind: never past an unsettled record."""

    def __init__(self) -> None:
        super().__init__()
        self.tracker = OffsetTracker()
        self.next = 0
        self.unsettled: list[int] = []

    @rule(count=st.integers(1, 5))
    def receive(self, count: int) -> None:
        offsets = list(range(self.next, self.next + count))
        self.next += count
        self.unsettled += offsets
        self.tracker.received(at(*offsets))

    @precondition(lambda self: self.unsettled)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(self.unsettled))
        self.unsettled.remove(offset)
        self.tracker.settled(at(offset))

    @rule()
    def commit(self) -> None:
        self.tracker.committed()

    @precondition(lambda self: self.unsettled)
    @rule()
    def rewind(self) -> None:
        """To the first unsettled record, as after a rejoin that found it committed so far."""
        offsets = list(range(min(self.unsettled), self.next))
        self.unsettled = list(offsets)
        self.tracker.received(at(*offsets))

    @invariant()
    def nothing_unsettled_is_passed(self) -> None:
        for offset in self.tracker.committable().values():
            assert not self.unsettled or offset <= min(self.unsettled)


TestConsuming = Consuming.TestCase


def test_what_was_handed_over_and_not_settled_is_counted_by_topic() -> None:
    """Settled out of order as well; what was forgotten is another member's."""
    tracker = OffsetTracker()
    tracker.received([*at(0, 1, 2), *at(0, partition=1), Position("u", 0, 0)])
    tracker.settled(at(1))
    assert tracker.unsettled() == {"t": 3, "u": 1}

    tracker.settled([*at(0), Position("u", 0, 0)])
    tracker.forget(TopicPartition("t", 1))

    assert +tracker.unsettled() == {"t": 1}
