"""Reads every record that Kafka holds, from the first up to ends noted before."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bus.errors import BusUnavailableError
from bus.protocols import Admin, Bus
from bus.records import NextOffsets, ReceivedRecord, TopicPartition
from inferbus.audit.compare import lag

_POLL_S = 1.0
# Without a record for so long the first offsets are asked for again: retention may have moved.
_QUIET_POLLS = 5
_GIVE_UP_POLLS = 30
_ASK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Extent:
    """From where to where the records lie: first offset and end of each partition."""

    begin: NextOffsets
    end: NextOffsets

    @property
    def records(self) -> int:
        """How many records lie between, gaps included."""
        return sum(max(0, last - self.begin.get(part, 0)) for part, last in self.end.items())

    def unread(self) -> dict[TopicPartition, int]:
        """Return the partitions that hold anything, with their ends."""
        return {part: last for part, last in self.end.items() if last > self.begin.get(part, 0)}


def measure(admin: Admin, topics: tuple[str, ...]) -> Extent:
    """
    Note where the topics begin and end now.

    Ends first: what retention removes in between is not waited for.
    """
    end = admin.end_offsets(topics)
    return Extent(admin.begin_offsets(topics), end)


def held_records(
    bus: Bus, extent: Extent, begin_offsets: Callable[[], NextOffsets]
) -> Iterator[list[ReceivedRecord]]:
    """
    Return the records of the extent, a batch at a time.

    `begin_offsets` is asked while nothing comes: what retention has removed is not waited
    for. Raises `BusUnavailableError` where records that are there do not come.
    """
    left = extent.unread()
    if not left:
        return
    topics = sorted({part.topic for part in left})
    reader = bus.read(topics, {part: extent.begin.get(part, 0) for part in left})
    try:
        quiet = 0
        while left:
            batch = reader.poll(_POLL_S)
            quiet = 0 if batch else quiet + 1
            _refuse_silence(quiet, left)
            if quiet and quiet % _QUIET_POLLS == 0:
                _drop_passed(left, begin_offsets())
            yield _within(batch, extent.end)
            _drop_passed(
                left, {rec.position.topic_partition: rec.position.next_offset for rec in batch}
            )
    finally:
        reader.close()


def _within(batch: list[ReceivedRecord], end: NextOffsets) -> list[ReceivedRecord]:
    return [rec for rec in batch if rec.position.offset < end.get(rec.position.topic_partition, 0)]


def _drop_passed(left: dict[TopicPartition, int], reached: NextOffsets) -> None:
    for part in [part for part, last in left.items() if reached.get(part, 0) >= last]:
        del left[part]


def _refuse_silence(quiet: int, left: dict[TopicPartition, int]) -> None:
    if quiet >= _GIVE_UP_POLLS:
        part, last = next(iter(left.items()))
        raise BusUnavailableError(
            f"Kafka has handed over nothing for {quiet * _POLL_S:.0f} s, {part.topic}/"
            f"{part.partition} was not read up to offset {last}: run the audit again"
        )


def wait_for_storage(
    admin: Admin,
    group: str,
    extent: Extent,
    wait_s: float,
    *,
    note: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> NextOffsets:
    """Return the group's committed offsets once they reach the ends, or after `wait_s`."""
    committed = admin.committed(group)
    left_s = wait_s
    behind = lag(extent.begin, extent.end, committed)
    if behind and left_s > 0:
        note(f"storage is {behind} records behind, waiting up to {wait_s:.0f} s for it")
    while left_s > 0 and lag(extent.begin, extent.end, committed):
        sleep(_ASK_AGAIN_S)
        left_s -= _ASK_AGAIN_S
        committed = admin.committed(group)
    return committed
