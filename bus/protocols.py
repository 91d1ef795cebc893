"""
The seams of the bus: what its two implementations, Kafka and the in-memory twin, both do.

One contract suite (`tests/contract/test_bus.py`) runs on each of them.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, Protocol

from bus.errors import BusError
from bus.records import NextOffsets, Position, ReceivedRecord, Record, TopicPartition

Outcome = Position | BusError
"""What becomes of a record: its position, or why it was not acknowledged."""
Tell = Callable[[Outcome], object]
"""Is told what has become of a record."""


class Publisher(Protocol):
    """Publishes records and says where they were written. Safe to use from any thread."""

    def publish(self, record: Record) -> Awaitable[Position]:
        """
        Hand the record over; await the position once all in-sync replicas have it.

        Awaiting raises `QueueFullError` at once where the bounds on waiting records are reached,
        `RecordRefusedError` where the broker refuses it for good, `PublishTimeoutError`
        where no acknowledgement came within the client's delivery timeout. Never blocks the
        event loop. Cancelling the caller does not take back the record.
        """
        ...

    def send(self, record: Record, settled: Tell) -> None:
        """
        Hand the record over; `settled` is called once, with what `publish` returns or raises.

        It is called on the running event loop, in the turn that brings the outcome, or before
        this returns.
        """
        ...

    def submit(self, record: Record) -> "Future[Position]":
        """Hand the record over; the future gets what `publish` returns or raises."""
        ...

    def healthy(self) -> str | None:
        """Return None while records get through, otherwise the reason in one line."""
        ...

    def unanswered_s(self) -> float:
        """Return for how many seconds the oldest record has no outcome, 0 where all have."""
        ...

    def close(self, timeout_s: float = 10.0) -> None:
        """Wait for what was handed over, up to the timeout, then fail the rest and stop."""
        ...


class Subscription(Protocol):
    """
    Reads topics for one consumer group. Used from one thread only.

    Partitions move between members; records already handed over may be handed to another
    member again, so handling must be idempotent.
    """

    def poll(self, timeout_s: float) -> list[ReceivedRecord]:
        """Return the next records, possibly none; each partition's in order of offset."""
        ...

    def commit(self, next_offsets: NextOffsets) -> None:
        """
        Store the next offset to read for each partition.

        A commit refused because the partitions have moved is dropped silently: the redo is
        idempotent. Raises `BusUnavailableError` where the broker does not answer.
        """
        ...

    def pause(self) -> None:
        """Hand over nothing more from any assigned partition until `resume`."""
        ...

    def resume(self) -> None:
        """End a pause."""
        ...

    def assignment(self) -> frozenset[TopicPartition]:
        """Return the partitions this member reads now."""
        ...

    def lag(self) -> Mapping[TopicPartition, int]:
        """Return, per assigned partition, how many records lie beyond what was handed over."""
        ...

    def lost(self) -> Mapping[TopicPartition, int]:
        """
        Return how many records were removed before they were handed over, since the last call.

        The topic's retention has overtaken the group: reading goes on at the first record left.
        """
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


class Reader(Protocol):
    """Reads topics without a group, each partition from a chosen place. One thread only."""

    def poll(self, timeout_s: float) -> list[ReceivedRecord]:
        """Return the next records, possibly none."""
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


@dataclass(frozen=True, slots=True)
class TopicConfig:
    """How a topic is made. `replication_factor` None means the cluster's choice."""

    name: str
    partitions: int
    replication_factor: int | None = None
    settings: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """How a topic is: partitions, replicas of its first partition, settings where readable."""

    name: str
    partitions: int
    replication_factor: int
    settings: Mapping[str, str]


class Admin(Protocol):
    """Creates and describes topics and groups. Blocking; one thread only."""

    def create_topics(self, topics: Sequence[TopicConfig]) -> list[str]:
        """Create the missing ones; return the names that were created."""
        ...

    def describe_topics(self, names: Sequence[str]) -> dict[str, TopicInfo]:
        """Return those that exist."""
        ...

    def brokers(self) -> int:
        """Return how many brokers the cluster has."""
        ...

    def begin_offsets(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Return the first offset each partition still holds."""
        ...

    def end_offsets(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Return the offset the next record of each partition will get."""
        ...

    def committed(self, group: str) -> dict[TopicPartition, int]:
        """Return the group's committed next offsets."""
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


class Bus(Protocol):
    """One broker or cluster. Every call makes a new client, blocks while it connects."""

    def publisher(self, client: str) -> Publisher:
        """Return a started publisher. Raises `BusUnavailableError`."""
        ...

    def subscribe(self, group: str, topics: Sequence[str], client: str) -> Subscription:
        """Join a group; a new group starts at the earliest record."""
        ...

    def read(
        self,
        topics: Sequence[str],
        start: Literal["earliest", "latest"] | Mapping[TopicPartition, int] = "earliest",
    ) -> Reader:
        """Read without a group."""
        ...

    def admin(self) -> Admin:
        """Return a connected admin client."""
        ...
