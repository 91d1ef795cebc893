"""Parked records: what goes onto the dead letter topic, how it is read, how it goes back."""

import hashlib
from datetime import datetime

from bus.records import ReceivedRecord, Record
from schemas.clock import parse_rfc3339, rfc3339
from schemas.codec import Headers, SchemaError
from schemas.deadletter import DeadLetter

_PREFIX = "inferbus_dl_"
# A detail quotes what broke; it must not push a large record over the broker's limit.
_MAX_DETAIL_CHARS = 1000


def park_record(
    received: ReceivedRecord,
    consumer: str,
    reason: str,
    detail: str,
    parked_at: datetime,
    topic: str,
) -> Record:
    """
    Return the record that parks `received` on the dead letter topic `topic`.

    Key, value and headers are kept verbatim; `inferbus_dl_*` headers say who parked it, why,
    when and where it lay.
    """
    position = received.position
    told = {
        "consumer": consumer,
        "reason": reason,
        "detail": detail[:_MAX_DETAIL_CHARS],
        "parked_at": rfc3339(parked_at),
        "topic": position.topic,
        "partition": str(position.partition),
        "offset": str(position.offset),
        "value_sha256": value_sha256(received.value),
    }
    added = tuple((_PREFIX + name, _encoded(text)) for name, text in told.items())
    return Record(topic, received.key, received.value, _without_told(received.headers) + added)


def read_dead_letter(record: ReceivedRecord) -> DeadLetter:
    """Read a record of the dead letter topic; raises `SchemaError` where a header is missing."""
    told = {
        name.removeprefix(_PREFIX): raw.decode("utf-8", "replace")
        for name, raw in record.headers
        if name.startswith(_PREFIX)
    }
    try:
        return DeadLetter(
            consumer=told["consumer"],
            reason=told["reason"],
            detail=told["detail"],
            parked_at=parse_rfc3339(told["parked_at"]),
            topic=told["topic"],
            partition=int(told["partition"]),
            offset=int(told["offset"]),
            event_id=record.header("ce_id"),
            value_sha256=told["value_sha256"],
            key=record.key,
            value=record.value,
            headers=_without_told(record.headers),
        )
    except (KeyError, ValueError) as error:
        raise SchemaError(f"dead letter header: {error}") from error


def replay_record(dead: DeadLetter) -> Record:
    """Return the record that puts a parked one back where it lay, as it was."""
    return Record(dead.topic, dead.key, dead.value, dead.headers)


def value_sha256(value: bytes | None) -> str:
    """Return the SHA-256 of a record's value in hex; of no bytes where it has none."""
    return hashlib.sha256(value or b"").hexdigest()


def _without_told(headers: Headers) -> Headers:
    return tuple((name, raw) for name, raw in headers if not name.startswith(_PREFIX))


def _encoded(text: str) -> bytes:
    # A lone surrogate out of a quoted body must not stop the parking.
    return text.encode("utf-8", "backslashreplace")
