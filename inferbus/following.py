"""Events as a reader follows them on Kafka: one row for each record."""

from collections.abc import Iterator
from typing import Any

import msgspec

from bus.protocols import Reader
from bus.records import ReceivedRecord
from schemas.codec import SchemaError, decode_event, decode_quarantined
from schemas.event import InferenceEvent, Outcome, Quarantined
from schemas.topics import TopicNames

_POLL_S = 1.0


def follow(reader: Reader, names: TopicNames, count: int | None = None) -> Iterator[dict[str, Any]]:
    """
    Return rows as records arrive, `count` of them or without end.

    A poll without records gives an empty row, so that the caller can stop in between.
    """
    seen = 0
    while count is None or seen < count:
        batch = reader.poll(_POLL_S)
        if not batch:
            yield {}
        for record in batch[: None if count is None else count - seen]:
            seen += 1
            yield event_row(record, names)


def event_row(record: ReceivedRecord, names: TopicNames) -> dict[str, Any]:
    """Return what a record says, without the body, and where it lies."""
    try:
        said = _members(_decode(record, names))
    except SchemaError as error:
        said = {"id": record.header("ce_id"), "outcome": "unreadable", "detail": str(error)}
    at = record.position
    return said | {"topic": at.topic, "partition": at.partition, "offset": at.offset}


def _decode(record: ReceivedRecord, names: TopicNames) -> InferenceEvent | Quarantined:
    if record.topic == names.for_outcome(Outcome.QUARANTINED):
        return decode_quarantined(record.value or b"", record.headers)
    return decode_event(record.value or b"")


def _members(event: InferenceEvent | Quarantined) -> dict[str, Any]:
    members = {name: getattr(event, name) for name in event.__struct_fields__}
    for hidden in ("body", "payload_text"):  # the text of a signed URL is half of a credential
        members.pop(hidden, None)
    members["outcome"] = str(event.outcome)
    for name in ("error", "payload_ref"):
        members[name] = msgspec.to_builtins(members.get(name))
    return members
