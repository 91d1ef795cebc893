"""Records to what a sink writes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bus.deadletter import read_dead_letter, value_sha256
from bus.errors import Poison
from bus.records import ReceivedRecord
from consumers.storage.sinks.base import Arrived, Batch
from schemas.codec import SchemaError, decode_event, decode_quarantined
from schemas.deadletter import DeadLetter
from schemas.event import InferenceEvent, Quarantined
from schemas.topics import TopicNames

UNDECODABLE = "undecodable"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_batch(records: Sequence[ReceivedRecord], topics: TopicNames, consumer: str) -> Batch:
    """
    Return what the records say; raises `Poison` for one that cannot be read.

    A record of the dead letter topic is always kept: one that no worker parked is kept as
    undecodable, in the name of `consumer`.
    """
    events: list[Arrived[InferenceEvent]] = []
    held: list[Arrived[Quarantined]] = []
    dead: list[DeadLetter] = []
    dead_letter, quarantine = topics.of("deadletter"), topics.of("quarantine")
    for record in records:
        if record.topic == dead_letter:
            dead.append(_dead_letter(record, consumer))
        elif record.topic == quarantine:
            held.append(Arrived(_quarantined(record), record.position))
        else:
            events.append(Arrived(_event(record), record.position))
    return Batch(events, held, dead)


def _event(record: ReceivedRecord) -> InferenceEvent:
    try:
        return decode_event(record.value or b"")
    except SchemaError as error:
        raise Poison(UNDECODABLE, str(error)) from error


def _quarantined(record: ReceivedRecord) -> Quarantined:
    try:
        return decode_quarantined(record.value or b"", record.headers)
    except SchemaError as error:
        raise Poison(UNDECODABLE, str(error)) from error


def _dead_letter(record: ReceivedRecord, consumer: str) -> DeadLetter:
    try:
        return read_dead_letter(record)
    except SchemaError as error:
        return DeadLetter(
            consumer=consumer,
            reason=UNDECODABLE,
            detail=str(error),
            parked_at=_EPOCH + timedelta(milliseconds=record.timestamp_ms),
            topic=record.position.topic,
            partition=record.position.partition,
            offset=record.position.offset,
            event_id=record.header("ce_id"),
            value_sha256=value_sha256(record.value),
            key=record.key,
            value=record.value,
            headers=record.headers,
        )
