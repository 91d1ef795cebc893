"""
DeepInfra: the webhook of `POST /v1/inference/{model}`.

One JSON body per finished or failed job, the same that a regular call returns: an envelope
(`request_id`, `inference_status`) and task fields at top level or under `results`
(docs.deepinfra.com/account/webhooks). The body names neither model nor job; the callback
URL does.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from ingest.providers.base import MalformedDelivery
from ingest.providers.envelope import (
    Members,
    Number,
    integer_text,
    read_members,
    read_object,
    read_value,
)
from ingest.providers.fields import amount, code, count, message, word
from schemas.delivery import Delivery
from schemas.event import EventError, InferenceEvent, Outcome
from schemas.ids import event_id, progress_word, request_id

_FAILED = frozenset({"failed", "error", "canceled", "cancelled", "expired", "timeout", "timed_out"})

# Every key whose value is looked at: were one repeated, two parsers could read two results.
_READ = (
    "request_id",
    "inference_status",
    "status",
    "runtime_ms",
    "cost",
    "tokens_generated",
    "tokens_input",
    "num_tokens",
    "num_input_tokens",
    "input_tokens",
    "error",
    "detail",
    "error_type",
    "error_message",
    "results",
)

# The first task field that is there says what was made. Order matters: speech recognition
# brings `text`, `segments` and `words`, text to speech `audio` and `words`.
_KINDS = (
    ("embeddings", "embeddings"),
    ("images", "image"),
    ("image_url", "image"),
    ("video_url", "video"),
    ("video", "video"),
    ("videos", "video"),
    ("audio", "audio"),
    ("scores", "scores"),
    ("segments", "transcription"),
    ("text", "transcription"),
    ("generated_text", "text"),
    ("answer", "answer"),
    ("output", "files"),
    ("box", "detections"),
    ("entity_group", "entities"),
    ("sequence", "labels"),
    ("label", "labels"),
)


class DeepInfra:
    """Reads DeepInfra's bodies."""

    name = "deepinfra"

    def parse(self, delivery: Delivery) -> list[InferenceEvent]:
        """Return the one event of a body; see `Provider.parse`."""
        members = read_object(delivery.body, _READ)
        status = _mapping(read_value(members.get("inference_status")))
        provider_status = _status(status)
        return [_event(delivery, members, status, provider_status)]


PROVIDER = DeepInfra()


def _status(status: Mapping[str, Any]) -> str:
    given = status.get("status")
    if word(given) is None:
        raise MalformedDelivery("no-status", "inference_status.status is no text")
    return str(given)


def _outcome(provider_status: str) -> Outcome:
    folded = provider_status.strip().casefold()
    if folded == "succeeded":
        return Outcome.SUCCEEDED
    return Outcome.FAILED if folded in _FAILED else Outcome.PROGRESS


def _event(
    delivery: Delivery, members: Members, status: Mapping[str, Any], provider_status: str
) -> InferenceEvent:
    outcome = _outcome(provider_status)
    url = delivery.capability
    request = request_id(_identity(members), url.payload_text, delivery.body)
    last = progress_word(provider_status) if outcome is Outcome.PROGRESS else outcome
    return InferenceEvent(
        id=event_id(DeepInfra.name, request, last),
        provider=DeepInfra.name,
        request_id=request,
        outcome=outcome,
        provider_status=word(provider_status) or provider_status,
        received_at=delivery.received_at,
        model=url.model,
        labels=url.labels,
        job=url.job,
        runtime_ms=count(status.get("runtime_ms")),
        cost_usd=amount(status.get("cost")),
        tokens_input=_tokens_input(members, status),
        tokens_output=_tokens_output(members, status),
        output_kind=_output_kind(members),
        error=_error(members),
        inner_status=_inner_status(members),
        body_sha256=hashlib.sha256(delivery.body).hexdigest(),
        body_bytes=len(delivery.body),
        body=delivery.body,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _identity(members: Members) -> object:
    given = read_value(members.get("request_id"))
    if isinstance(given, Number):
        return integer_text(given)
    return given


def _tokens_input(members: Members, status: Mapping[str, Any]) -> int | None:
    """Read the count where it stands: the envelope for chat models, top level for others."""
    places = [members.get("num_input_tokens"), members.get("input_tokens")]
    return _first_count([status.get("tokens_input"), *map(read_value, places)])


def _tokens_output(members: Members, status: Mapping[str, Any]) -> int | None:
    return _first_count([status.get("tokens_generated"), read_value(members.get("num_tokens"))])


def _first_count(values: Iterable[Any]) -> int | None:
    return next((found for found in map(count, values) if found is not None), None)


def _results(members: Members) -> Members:
    """Return the members of `results`, or of its first element where it is a list."""
    return read_members(members.get("results"))


def _output_kind(members: Members) -> str | None:
    results = _results(members)
    for key, kind in _KINDS:
        if key in members or key in results:
            return kind
    return None


def _inner_status(members: Members) -> str | None:
    """
    Return the job's own status inside the envelope, in the provider's word.

    A succeeded envelope can wrap a failed job (`results.status: "error"`); partner models
    say `status: "ok"` at top level, cog models `status: "succeeded"`.
    """
    for place in (_results(members), members):
        found = word(read_value(place.get("status")))
        if found is not None:
            return found
    return None


def _error(members: Members) -> EventError | None:
    """
    Return the error in any of the places where DeepInfra's clients have found one.

    In the vendor's own order (deepinfra-python `_exceptions.py`): `error`, then `detail`,
    text or nested; then the streaming pair; then an error inside `results`.
    """
    places = [(members, "error"), (members, "detail"), (_results(members), "error")]
    found = [_error_from(read_value(place.get(key))) for place, key in places]
    pair = EventError(
        code(read_value(members.get("error_type"))),
        message(read_value(members.get("error_message"))),
    )
    found.insert(2, pair if pair.code or pair.message else None)
    return next((error for error in found if error is not None), None)


def _error_from(value: Any) -> EventError | None:
    if isinstance(value, list):  # 422: a list of {loc, msg, type}
        return next((error for error in map(_error_from, value) if error is not None), None)
    if not isinstance(value, dict):
        text = message(value)
        return None if text is None else EventError(None, text)
    inner = value.get("error") or value.get("detail")
    if isinstance(inner, dict | list):
        return _error_from(inner)
    text = next((m for m in map(message, _texts(value)) if m is not None), None)
    kind = next((c for c in map(code, _codes(value)) if c is not None), None)
    return EventError(kind, text) if kind or text else None


def _texts(value: Mapping[str, Any]) -> list[Any]:
    return [value.get(key) for key in ("message", "msg", "error", "detail", "error_message")]


def _codes(value: Mapping[str, Any]) -> list[Any]:
    return [value.get(key) for key in ("code", "type", "error_type")]
