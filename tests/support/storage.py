"""Events, quarantined deliveries and dead letters for tests of storage."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bus.records import Position
from consumers.storage.sinks.base import Arrived, Batch
from schemas.deadletter import DeadLetter
from schemas.event import InferenceEvent, Outcome, PayloadRef, Quarantined
from schemas.ids import content_id, event_id

NOON = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
BODY = b'{"request_id":"R1","inference_status":{"status":"succeeded"}}'


@dataclass(slots=True)
class Clock:
    """A clock that moves one second a look."""

    now: datetime = field(default=NOON + timedelta(hours=1))

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def an_event(
    request_id: str = "R1",
    outcome: Outcome = Outcome.SUCCEEDED,
    *,
    word: str | None = None,
    body: bytes = BODY,
    **fields: Any,
) -> InferenceEvent:
    """Return an event; `word` is a provider's own status and the end of a progress event's id."""
    given: dict[str, Any] = {
        "id": event_id("deepinfra", request_id, word or outcome),
        "provider": "deepinfra",
        "request_id": request_id,
        "outcome": outcome,
        "provider_status": word or outcome.value,
        "received_at": NOON,
        "body_sha256": sha256(body),
        "body_bytes": len(body),
        "body": body,
    }
    return InferenceEvent(**given | fields)


def an_offloaded_event(request_id: str = "R1", body: bytes = BODY) -> InferenceEvent:
    """Return an event whose body lies in the blob store."""
    ref = PayloadRef(f"file:///blobs/{sha256(body)}", sha256(body), len(body))
    return msgspec.structs.replace(an_event(request_id, body=body), body=None, payload_ref=ref)


def a_held_delivery(body: bytes = b"not json", **fields: Any) -> Quarantined:
    """Return a quarantined delivery."""
    given: dict[str, Any] = {
        "id": event_id("deepinfra", content_id("", body), Outcome.QUARANTINED),
        "provider": "deepinfra",
        "reason": "not-json",
        "detail": "at byte 1",
        "received_at": NOON,
        "body_sha256": sha256(body),
        "body_bytes": len(body),
        "body": body,
    }
    return Quarantined(**given | fields)


def a_dead_letter(value: bytes | None = b"?", **fields: Any) -> DeadLetter:
    """Return a parked record."""
    given: dict[str, Any] = {
        "consumer": "storage",
        "reason": "undecodable",
        "detail": "no body_bytes",
        "parked_at": NOON,
        "topic": "inference.succeeded",
        "partition": 3,
        "offset": 41,
        "event_id": "deepinfra:R1:succeeded",
        "value_sha256": sha256(value or b""),
        "key": b"R1",
        "value": value,
        "headers": (("ce_id", b"deepinfra:R1:succeeded"), ("traceparent", b"\x00\xff")),
    }
    return DeadLetter(**given | fields)


def batch_of(
    events: Iterable[InferenceEvent] = (),
    quarantined: Iterable[Quarantined] = (),
    dead_letters: Iterable[DeadLetter] = (),
) -> Batch:
    """Return a batch whose records lie one after the other."""
    return Batch(
        [Arrived(e, Position("inference.succeeded", 3, n)) for n, e in enumerate(events)],
        [Arrived(q, Position("inference.quarantine", 0, n)) for n, q in enumerate(quarantined)],
        list(dead_letters),
    )


def sha256(content: bytes) -> str:
    """Return the SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()
