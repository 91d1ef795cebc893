"""
Replicate: the webhook of a prediction.

The body is the bare prediction, the same that the API returns, and the same event may come
more than once (replicate.com/docs/topics/webhooks). By default it is also posted on every
output while the prediction runs, under the same status with another body: submit with
`webhook_events_filter: ["completed"]` to hear of the end alone.
"""

import hashlib
import re
from decimal import Decimal

from msgspec import Raw

from ingest.providers.base import MalformedDelivery
from ingest.providers.envelope import (
    Members,
    Shape,
    read_id,
    read_members,
    read_object,
    read_value,
)
from ingest.providers.fields import MAX_INTEGER, message, parse_usd_like, read_count, word
from schemas.delivery import Delivery
from schemas.event import EventError, InferenceEvent, Outcome
from schemas.ids import event_id, progress_word, request_id

# replicate.com/docs/topics/predictions/lifecycle; `starting` and `processing` are progress.
_OUTCOMES = {
    "succeeded": Outcome.SUCCEEDED,
    "failed": Outcome.FAILED,
    "canceled": Outcome.FAILED,
    "aborted": Outcome.FAILED,
}
_BODY = Shape(("id", "status", "model", "output", "error", "metrics"))
_METRICS = Shape(("predict_time", "input_token_count", "output_token_count"))

# An output's first characters tell its kind: a text, a file's URL, or a list of either.
_PEEKED_BYTES = 64
_KINDS = (
    (re.compile(rb'\[?\s*"(?:https?|data):'), "files"),
    (re.compile(rb'\[?\s*"'), "text"),
    (re.compile(rb"\[\s*\]"), None),
)


class Replicate:
    """Reads Replicate's predictions."""

    name = "replicate"

    def parse(self, delivery: Delivery) -> list[InferenceEvent]:
        """Return the one event of a prediction; see `Provider.parse`."""
        members = read_object(delivery.body, _BODY)
        status = word(read_value(members.get("status")))
        if status is None:
            raise MalformedDelivery("no-status", "status is no text")
        return [_event(delivery, members, status)]


PROVIDER = Replicate()


def _event(delivery: Delivery, members: Members, status: str) -> InferenceEvent:
    outcome = _OUTCOMES.get(status.casefold(), Outcome.PROGRESS)
    last = progress_word(status.casefold()) if outcome is Outcome.PROGRESS else outcome
    url = delivery.capability
    request = request_id(read_id(members.get("id")), url.payload_text, delivery.body)
    metrics = read_members(members.get("metrics"), _METRICS)
    return InferenceEvent(
        id=event_id(Replicate.name, request, last),
        provider=Replicate.name,
        request_id=request,
        outcome=outcome,
        provider_status=status,
        received_at=delivery.received_at,
        model=url.model or word(read_value(members.get("model"))),
        labels=url.labels,
        job=url.job,
        runtime_ms=_milliseconds(metrics.get("predict_time")),
        tokens_input=read_count(metrics.get("input_token_count")),
        tokens_output=read_count(metrics.get("output_token_count")),
        output_kind=_output_kind(members.get("output")),
        error=_error(members.get("error")),
        body_sha256=hashlib.sha256(delivery.body).hexdigest(),
        body_bytes=len(delivery.body),
        body=delivery.body,
    )


def _milliseconds(raw: Raw | None) -> int | None:
    seconds = parse_usd_like(read_value(raw))
    if seconds is None:
        return None
    whole = int((seconds * Decimal(1000)).to_integral_value())
    return whole if whole <= MAX_INTEGER else None


def _output_kind(raw: Raw | None) -> str | None:
    if raw is None:
        return None
    beginning = bytes(memoryview(raw)[:_PEEKED_BYTES]).lstrip()
    for pattern, kind in _KINDS:
        if pattern.match(beginning):
            return kind
    return "data"


def _error(raw: Raw | None) -> EventError | None:
    text = message(read_value(raw))
    return None if text is None else EventError(None, text)
