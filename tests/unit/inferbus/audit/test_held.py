"""Reading what Kafka holds, up to ends noted before, without waiting for what is gone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import pytest

from bus.errors import BusUnavailableError
from bus.memory.bus import MemoryBus
from bus.records import NextOffsets, Position, ReceivedRecord, TopicPartition
from inferbus.audit.held import Extent, held_records, wait_for_storage

A, B = TopicPartition("t", 0), TopicPartition("t", 1)


def record(partition: TopicPartition, offset: int) -> ReceivedRecord:
    """Return a record at that place."""
    at = Position(partition.topic, partition.partition, offset)
    return ReceivedRecord("t", b"k", b"v", position=at)


class Script(MemoryBus):
    """Hands over what a test wrote, a poll at a time, then nothing; it is its own reader."""

    def __init__(self, *polls: list[ReceivedRecord]) -> None:
        super().__init__()
        self.polls = list(polls)
        self.start: object = None
        self.is_closed = False

    def read(  # type: ignore[override]  # the twin's reader is replaced by the script
        self,
        topics: Sequence[str],
        start: Literal["earliest", "latest"] | Mapping[TopicPartition, int] = "earliest",
    ) -> "Script":
        """Note where reading starts."""
        self.start = start
        return self

    def poll(self, timeout_s: float) -> list[ReceivedRecord]:
        """Return the next part of the script."""
        return self.polls.pop(0) if self.polls else []

    def close(self) -> None:
        """Note that reading has ended."""
        self.is_closed = True


def read(bus: Script, extent: Extent, begin: NextOffsets | None = None) -> list[Position]:
    """Return the places of the records that are handed over."""
    batches = held_records(bus, extent, lambda: begin or extent.begin)
    return [each.position for batch in batches for each in batch]


def test_reading_ends_at_the_ends_noted_before() -> None:
    """What came later is left out, also within a batch."""
    bus = Script([record(A, 0), record(A, 1), record(B, 5)], [record(A, 2), record(B, 6)])

    places = read(bus, Extent({A: 0, B: 5}, {A: 2, B: 7}))

    assert [(at.partition, at.offset) for at in places] == [(0, 0), (0, 1), (1, 5), (1, 6)]
    assert bus.start == {A: 0, B: 5}
    assert bus.is_closed


def test_an_empty_extent_asks_nobody() -> None:
    """Partitions without records are not waited for."""
    bus = Script()

    assert read(bus, Extent({A: 3, B: 0}, {A: 3, B: 0})) == []
    assert bus.start is None


def test_only_partitions_that_hold_something_are_read() -> None:
    """The others would have nothing to hand over."""
    bus = Script([record(A, 0)])

    read(bus, Extent({A: 0, B: 4}, {A: 1, B: 4}))

    assert bus.start == {A: 0}


def test_what_retention_removes_meanwhile_is_not_waited_for() -> None:
    """Its first offset has moved past the end."""
    bus = Script([record(A, 0)])

    places = read(bus, Extent({A: 0, B: 0}, {A: 1, B: 9}), begin={A: 0, B: 9})

    assert [at.partition for at in places] == [0]


def test_records_that_do_not_come_are_a_problem() -> None:
    """An audit that read half must not say that the books balance."""
    bus = Script([record(A, 0)])

    with pytest.raises(BusUnavailableError, match="t/0 was not read up to offset 2"):
        read(bus, Extent({A: 0}, {A: 2}))
    assert bus.is_closed


class Group:
    """An admin whose group settles some records with each look."""

    def __init__(self, *committed: int) -> None:
        self.looks = list(committed)

    def committed(self, group: str) -> dict[TopicPartition, int]:
        """Return the next look."""
        offset = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return {A: offset}


def wait(group: Group, wait_s: float, note: Callable[[str], None]) -> tuple[NextOffsets, int]:
    """Wait for storage without waiting; return the offsets and how often was slept."""
    slept: list[float] = []
    extent = Extent({A: 0}, {A: 10})
    admin = group  # only `committed` is asked for
    committed = wait_for_storage(admin, "g", extent, wait_s, note=note, sleep=slept.append)  # type: ignore[arg-type]  # see above
    return committed, len(slept)


def test_storage_is_waited_for_until_it_has_caught_up() -> None:
    """And the person is told once."""
    notes: list[str] = []

    assert wait(Group(4, 7, 10), 30.0, notes.append) == ({A: 10}, 2)
    assert notes == ["storage is 6 records behind, waiting up to 30 s for it"]


def test_the_wait_is_bounded() -> None:
    """Storage may not run at all."""
    assert wait(Group(4), 2.0, lambda _: None) == ({A: 4}, 4)


@pytest.mark.parametrize(("committed", "wait_s"), [(10, 30.0), (4, 0.0)])
def test_nothing_is_said_where_nothing_is_waited_for(committed: int, wait_s: float) -> None:
    """It has caught up, or is not to be waited for."""
    notes: list[str] = []

    assert wait(Group(committed), wait_s, notes.append) == ({A: committed}, 0)
    assert notes == []
