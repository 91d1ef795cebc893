"""Reading Kafka in a consumer group."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import structlog
from kafka import OffsetAndMetadata
from kafka import TopicPartition as ClientPartition
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import AuthorizationError, IllegalStateError, KafkaError
from kafka.structs import MemberState

from bus.errors import BusClosedError
from bus.kafka.consuming import (
    close_consumer,
    connect_consumer,
    known_position,
    ours,
    received_records,
    theirs,
)
from bus.kafka.errors import COMMIT_REFUSALS, reason, unavailable
from bus.kafka.losses import LossGuard
from bus.kafka.stalls import StallGuard
from bus.records import NextOffsets, ReceivedRecord, TopicPartition

log = structlog.get_logger()

# A shorter poll that runs out while a group rebalances can leave kafka-python 3.0.12 outside
# the group for good, without an error.
_SHORTEST_POLL_MS = 1000
_COMMIT_TIMEOUT_MS = 5000
_ENDS_TIMEOUT_MS = 5000
_UNKNOWN_LEADER_EPOCH = -1


class KafkaSubscription:
    """
    One member of a consumer group; it notices when the client stalls, and joins anew.

    A poll takes up to a second even if a shorter timeout is asked for.
    """

    def __init__(
        self,
        options: dict[str, Any],
        topics: Sequence[str],
        stall_check_s: float,
        clock: Callable[[], float] = time.monotonic,
        explain: Callable[[], AbstractContextManager[None]] = nullcontext,
        connect: Callable[[dict[str, Any], Sequence[str]], Any] = connect_consumer,
    ) -> None:
        # Range is the plainest: with cooperative-sticky a second member waits for the first
        # one's next heartbeat, and its code is where the client's open faults are.
        self._options = {**options, "partition_assignment_strategy": [RangePartitionAssignor]}
        self._topics = list(topics)
        self._clock = clock
        self._explain = explain
        self._connect = connect
        self._guard = StallGuard(stall_check_s)
        self._losses = LossGuard()
        self._is_paused = False
        self._next: dict[ClientPartition, int] = {}
        self._ends: dict[ClientPartition, int] = {}
        self._consumer: Any = None
        self._join()
        self._guard.moved(self._clock())

    def poll(self, timeout_s: float) -> list[ReceivedRecord]:
        """Return the next records, up to 1,000; raises `BusUnavailableError`."""
        timeout_ms = max(_SHORTEST_POLL_MS, round(timeout_s * 1000))
        try:
            self._pause_newcomers()
            polled = self._consumer.poll(timeout_ms=timeout_ms)
        except AuthorizationError as error:
            with self._explain():
                raise unavailable(error, "reading") from error
        except IllegalStateError as error:
            raise BusClosedError("the subscription is closed") from error
        except KafkaError as error:
            raise unavailable(error, "reading") from error
        if self._is_paused:
            self._put_back(polled)
            polled = {}
        self._note(polled)
        return received_records(polled)

    def commit(self, next_offsets: NextOffsets) -> None:
        """Store the offsets; raises `BusUnavailableError` where there is no answer in 5 s."""
        held = self.assignment()
        offsets = {
            theirs(partition): OffsetAndMetadata(offset, "", _UNKNOWN_LEADER_EPOCH)
            for partition, offset in next_offsets.items()
            if partition in held
        }
        try:
            if offsets:
                self._consumer.commit(offsets, timeout_ms=_COMMIT_TIMEOUT_MS)
        except COMMIT_REFUSALS as error:
            log.info("commit_dropped", reason=reason(error), partitions=len(offsets))
        except KafkaError as error:
            raise unavailable(error, "committing offsets") from error

    def pause(self) -> None:
        """Hand over nothing until `resume`."""
        self._is_paused = True

    def resume(self) -> None:
        """End a pause."""
        self._is_paused = False
        self._consumer.resume(*self._consumer.paused())

    def assignment(self) -> frozenset[TopicPartition]:
        """Return the partitions of the last poll."""
        return ours(self._consumer.assignment())

    def lag(self) -> dict[TopicPartition, int]:
        """Return the records beyond those handed over; raises `BusUnavailableError`."""
        held = self._consumer.assignment()
        # Fetches tell the ends of their partitions; a pause has none.
        if self._is_paused or any(self._end(at) is None for at in held):
            self._fetch_ends()
        return {
            TopicPartition(at.topic, at.partition): max(
                0, (self._end(at) or 0) - self._position(at)
            )
            for at in held
        }

    def lost(self) -> dict[TopicPartition, int]:
        """Return how many records retention removed unread, since the last call."""
        return self._losses.take()

    def close(self) -> None:
        """Leave the group."""
        close_consumer(self._consumer)

    def _join(self) -> None:
        with self._explain():
            self._consumer = self._connect(self._options, self._topics)
        self._consumer.subscribe(self._topics)

    def _pause_newcomers(self) -> None:
        if self._is_paused:
            self._consumer.pause(*self._consumer.assignment())

    def _put_back(self, polled: dict[ClientPartition, list[ReceivedRecord]]) -> None:
        # Partitions that came with a rebalance within the poll were not paused yet.
        for partition, records in polled.items():
            self._consumer.seek(partition, records[0].position.offset)

    def _note(self, polled: dict[ClientPartition, list[ReceivedRecord]]) -> None:
        held = self._consumer.assignment()
        self._losses.look(self._consumer, held, polled, self._next)
        self._next = {at: offset for at, offset in self._next.items() if at in held}
        self._next |= {at: records[-1].position.next_offset for at, records in polled.items()}
        now = self._clock()
        if polled or self._is_paused:
            self._guard.moved(now)
        elif self._guard.is_due(now):
            self._check_for_stall(now)

    def _check_for_stall(self, now: float) -> None:
        self._fetch_ends()
        behind = any((self._end(at) or 0) > self._position(at) for at in self._ends)
        if not behind and self._is_joined():
            self._guard.moved(now)
        elif not self._guard.is_confirmed():
            return  # the next empty poll looks again
        elif self._guard.stalled(now):
            log.warning("consumer_stalled", remedy="rebuild")
            close_consumer(self._consumer)
            self._join()
        else:
            log.warning("consumer_stalled", remedy="resubscribe")
            self._consumer.unsubscribe()
            self._consumer.subscribe(self._topics)

    def _is_joined(self) -> bool:
        # The known stall: the group's leader waits for a join that has long ended. An idle
        # member without partitions looks the same but for its state.
        return bool(self._consumer.group_metadata().state == MemberState.STABLE)

    def _fetch_ends(self) -> None:
        held = list(self._consumer.assignment())
        try:
            self._ends = self._consumer.end_offsets(held, _ENDS_TIMEOUT_MS) if held else {}
        except KafkaError as error:
            raise unavailable(error, "asking for the end of partitions") from error

    def _end(self, partition: ClientPartition) -> int | None:
        known = (self._consumer.highwater(partition), self._ends.get(partition))
        return max((end for end in known if end is not None), default=None)

    def _position(self, partition: ClientPartition) -> int:
        if partition in self._next:
            return self._next[partition]
        known = known_position(self._consumer, partition)
        if known is not None:
            return known
        try:
            return int(self._consumer.position(partition, timeout_ms=_COMMIT_TIMEOUT_MS) or 0)
        except KafkaError as error:
            raise unavailable(error, "asking for positions") from error
