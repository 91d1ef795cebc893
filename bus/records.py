"""What Kafka stores, and where."""

import hashlib
from collections.abc import Mapping

import msgspec

from schemas.codec import (
    Headers,
    encode_event,
    event_headers,
    quarantine_headers,
)
from schemas.event import InferenceEvent, Quarantined
from schemas.topics import TopicNames


class TopicPartition(msgspec.Struct, frozen=True, order=True, gc=False):
    """One partition of one topic."""

    topic: str
    partition: int


class Position(msgspec.Struct, frozen=True, order=True, gc=False):
    """Where a record lies: topic, partition, offset."""

    topic: str
    partition: int
    offset: int

    @property
    def topic_partition(self) -> TopicPartition:
        """The partition the record lies in."""
        return TopicPartition(self.topic, self.partition)

    @property
    def next_offset(self) -> int:
        """What is committed once the record is settled: Kafka wants the next one to read."""
        return self.offset + 1


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record to publish: topic, key, value, headers."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def size(self) -> int:
        """Bytes it takes on the wire, batch framing aside."""
        size = len(self.key or b"") + len(self.value or b"")
        for name, raw in self.headers:
            size += len(name) + len(raw) + 4
        return size

    @property
    def fingerprint(self) -> "Fingerprint":
        """Tells this very record apart wherever it lies: event id and SHA-256 of the value."""
        return self.header("ce_id") or "", hashlib.sha256(self.value or b"").digest()

    def header(self, name: str) -> str | None:
        """Return the last header of that name as text, or None."""
        for key, raw in reversed(self.headers):
            if key == name:
                return raw.decode("utf-8", "replace")
        return None

    def __repr__(self) -> str:
        # Values and headers hold what nobody should find in a log.
        return f"{type(self).__name__}(topic={self.topic!r}, key={self.key!r})"


class ReceivedRecord(Record, frozen=True, kw_only=True):
    """A record as a subscription hands it over, with its position and broker time."""

    position: Position
    timestamp_ms: int = 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.position!r}, key={self.key!r})"


def event_record(
    event: InferenceEvent, topics: TopicNames, traceparent: str | None = None
) -> Record:
    """Return the record of an event: the topic by its outcome, keyed by request id."""
    return Record(
        topic=topics.for_outcome(event.outcome),
        key=event.request_id.encode(),
        value=encode_event(event),
        headers=event_headers(event, traceparent),
    )


def quarantine_record(
    held: Quarantined, topics: TopicNames, traceparent: str | None = None
) -> Record:
    """Return the record of a quarantined delivery: its exact bytes, or a reference header."""
    return Record(
        topic=topics.for_outcome(held.outcome),
        key=held.request_id.encode(),
        value=held.body if held.body is not None else b"",
        headers=quarantine_headers(held, traceparent),
    )


NextOffsets = Mapping[TopicPartition, int]
Fingerprint = tuple[str, bytes]
