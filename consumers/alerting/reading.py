"""Records to what rules observe."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bus.deadletter import read_dead_letter
from bus.errors import Poison
from bus.records import ReceivedRecord
from consumers.alerting.rules.base import Observable
from consumers.columns import plain_text
from schemas.codec import SchemaError, decode_event, decode_quarantined
from schemas.deadletter import DeadLetter
from schemas.event import InferenceEvent, Quarantined
from schemas.topics import TopicNames

# Outside these no bucket can be computed or kept; our own ingress never writes such a time.
_YEARS = range(1970, 9999)


@dataclass(frozen=True, slots=True)
class Observed:
    """One record's content under the id that makes its repeats the same."""

    id: str
    at: datetime
    event: Observable


def read_records(batch: Sequence[ReceivedRecord], topics: TopicNames) -> list[Observed]:
    """Return what the records say, each id once; raises `Poison` for one that cannot be read."""
    by_id: dict[str, Observed] = {}
    for record in batch:
        observed = _read(record, topics)
        by_id.setdefault(observed.id, observed)
    return list(by_id.values())


def _read(record: ReceivedRecord, topics: TopicNames) -> Observed:
    try:
        if record.topic == topics.of("deadletter"):
            return _of_dead_letter(read_dead_letter(record))
        if record.topic == topics.of("quarantine"):
            return _of_quarantined(decode_quarantined(record.value or b"", record.headers))
        return _of_event(decode_event(record.value or b""))
    except SchemaError as error:
        raise Poison("undecodable", str(error)) from error


def _of_event(event: InferenceEvent) -> Observed:
    return Observed(plain_text(event.id), _plausible(event.received_at), event)


def _of_quarantined(held: Quarantined) -> Observed:
    return Observed(plain_text(held.id), _plausible(held.received_at), held)


def _of_dead_letter(dead: DeadLetter) -> Observed:
    # One event may be parked by several consumers, and its own id is a failed event's, too.
    event_id = f"deadletter:{dead.consumer}:{dead.event_id or dead.value_sha256}"
    return Observed(plain_text(event_id), _plausible(dead.parked_at), dead)


def _plausible(moment: datetime) -> datetime:
    if moment.year not in _YEARS:
        raise SchemaError(f"the year {moment.year} is no time an event can be received at")
    return moment
