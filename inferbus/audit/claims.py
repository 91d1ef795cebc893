"""What a record on Kafka says must be in the books."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bus.deadletter import read_dead_letter, value_sha256
from bus.records import Position, ReceivedRecord
from consumers.columns import plain_text
from consumers.storage.sinks.mapping import dead_letter_key
from schemas.codec import SchemaError, decode_event, decode_quarantined
from schemas.event import InferenceEvent, PayloadRef, Quarantined
from schemas.topics import TopicNames

# The consumer that keeps the books; only its own parking takes a record off the others.
STORAGE = "storage"


class Kind(StrEnum):
    """Which book a record must be in."""

    EVENT = "event"
    QUARANTINED = "quarantined delivery"
    DEAD_LETTER = "dead letter"
    UNREADABLE = "unreadable record"


@dataclass(frozen=True, slots=True)
class Claim:
    """
    One record, as the books must know it.

    `sha256` is the body's, for dead letters and unreadable records the value's. By its
    `dl_key` a record is found among the dead letters of `parked_by`: a dead letter must
    be there, any other record may be there instead of in its own book. `header_id` is the
    event id of the record's headers: values alone do not tell deliveries by reference apart,
    theirs are empty. `body` is an event's inline body. `is_damaged` says that the bytes do not
    have the hash that the record itself gives them. `at` is when it was received, or parked.
    """

    kind: Kind
    position: Position
    event_id: str | None
    sha256: str
    value_sha256: str
    parked_by: str = STORAGE
    header_id: str | None = None
    ref: PayloadRef | None = None
    body: bytes | None = field(default=None, repr=False)
    is_damaged: bool = False
    at: datetime | None = None

    @property
    def dl_key(self) -> str:
        """The key of its dead letter."""
        return dead_letter_key(self.header_id, self.value_sha256)


def read_claim(record: ReceivedRecord, names: TopicNames) -> Claim:
    """Return what a record of any stored topic claims; never raises."""
    try:
        if record.topic == names.of("deadletter"):
            return _parked(record)
        if record.topic == names.of("quarantine"):
            held = decode_quarantined(record.value or b"", record.headers)
            return _of_delivery(Kind.QUARANTINED, record, held)
        return _of_delivery(Kind.EVENT, record, decode_event(record.value or b""))
    except SchemaError:
        return _unreadable(record)


def _of_delivery(kind: Kind, record: ReceivedRecord, said: InferenceEvent | Quarantined) -> Claim:
    return Claim(
        kind=kind,
        position=record.position,
        event_id=plain_text(said.id),
        sha256=said.body_sha256,
        value_sha256=value_sha256(record.value),
        header_id=record.header("ce_id"),
        ref=said.payload_ref,
        body=said.body if kind is Kind.EVENT else None,
        is_damaged=said.body is not None and value_sha256(said.body) != said.body_sha256,
        at=said.received_at,
    )


def _parked(record: ReceivedRecord) -> Claim:
    dead = read_dead_letter(record)
    return Claim(
        kind=Kind.DEAD_LETTER,
        position=record.position,
        event_id=dead.event_id,
        sha256=dead.value_sha256,
        value_sha256=dead.value_sha256,
        parked_by=dead.consumer,
        header_id=dead.event_id,
        is_damaged=value_sha256(dead.value) != dead.value_sha256,
        at=dead.parked_at,
    )


def _unreadable(record: ReceivedRecord) -> Claim:
    """Return the claim of a record that storage can only have parked."""
    digest = value_sha256(record.value)
    return Claim(
        kind=Kind.UNREADABLE,
        position=record.position,
        event_id=record.header("ce_id"),
        sha256=digest,
        value_sha256=digest,
        header_id=record.header("ce_id"),
    )
