"""What Kafka stores, and where."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.codec import (
    Headers,
    encode_event,
    event_headers,
    quarantine_headers,
)
from schemas.event import InferenceEvent, Quarantined
from schemas.topics import TopicNames


@dataclass(frozen=True, slots=True, order=True)
class TopicPartition:
    """One partition of one topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True, order=True)
class Position:
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


@dataclass(frozen=True, slots=True)
class Record:
    """A record to publish: topic, key, value, headers."""

    topic: str
    key: bytes | None
    value: bytes | None = field(repr=False)
    headers: Headers = field(default=(), repr=False)

    @property
    def size(self) -> int:
        """Bytes it takes on the wire, batch framing aside."""
        headers = sum(len(name) + len(raw) + 4 for name, raw in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers

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


@dataclass(frozen=True, slots=True)
class ReceivedRecord(Record):
    """A record as a subscription hands it over, with its position and broker time."""

    position: Position = field(kw_only=True)
    timestamp_ms: int = field(default=0, kw_only=True)


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
