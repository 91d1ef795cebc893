"""
DeepInfra: the webhook of `POST /v1/inference/{model}`.

One JSON body per finished or failed job, the same that a regular call returns: an envelope
(`request_id`, `inference_status`) and task fields at top level or under `results`
(docs.deepinfra.com/account/webhooks). The body names neither model nor job; the callback
URL does.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from msgspec import Raw

from ingest.providers.base import MalformedDelivery
from ingest.providers.deepinfra_usual import Said, UsualBodies
from ingest.providers.envelope import (
    Members,
    Shape,
    read_id,
    read_members,
    read_object,
    read_value,
    require_shallow,
)
from ingest.providers.fields import amount, code, message, read_count, word
from schemas.delivery import Delivery
from schemas.event import EventError, InferenceEvent, Outcome
from schemas.ids import event_id, progress_word, request_id

_FAILED = frozenset({"failed", "error", "canceled", "cancelled", "expired", "timeout", "timed_out"})

# The first task field that is there, and not null, says what was made. Order matters: speech
# recognition brings `text`, `segments` and `words`, text to speech `audio` and `words`.
_KINDS = (
    ("embeddings", "embeddings"),
    ("images", "image"),
    ("image_url", "image"),
    ("video_url", "video"),
    ("video", "video"),
    ("videos", "video"),
    ("audio", "audio"),
    ("generated_lyrics", "audio"),
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


_KIND_KEYS = [key for key, _kind in _KINDS]
_ERROR_KEYS = ("error", "detail", "error_type", "error_message")
_ERRORS = frozenset(_ERROR_KEYS)
_TOKEN_KEYS = ("num_tokens", "num_input_tokens", "input_tokens")
_BODY = Shape(
    ("request_id", "inference_status", "results", "model", "status", *_ERROR_KEYS, *_TOKEN_KEYS),
    seen=_KIND_KEYS,
)
_STATUS = Shape(("status", "runtime_ms", "cost", "tokens_generated", "tokens_input"))
_RESULTS = Shape(("status", *_ERROR_KEYS), seen=_KIND_KEYS)
_TEXT_KEYS = ("message", "msg", "error", "detail", "error_message")
_CODE_KEYS = ("code", "type", "error_type")
_IN_ERRORS = frozenset({*_TEXT_KEYS, *_CODE_KEYS})
_USUAL = UsualBodies(_KINDS, _ERROR_KEYS)


class DeepInfra:
    """Reads DeepInfra's bodies."""

    name = "deepinfra"

    def parse(self, delivery: Delivery) -> list[InferenceEvent]:
        """Return the one event of a body; see `Provider.parse`."""
        return [_event(delivery, _USUAL.read(delivery.body) or _read(delivery.body))]


PROVIDER = DeepInfra()


def _read(body: bytes) -> Said:
    """Return what a body says, whatever it looks like."""
    members = read_object(body, _BODY)
    status = _status(members)
    provider_status = word(read_value(status.get("status")))
    if provider_status is None:
        raise MalformedDelivery("no-status", "inference_status.status is no text")
    results = read_members(members.get("results"), _RESULTS)
    return Said(
        provider_status=provider_status,
        request=read_id(members.get("request_id")),
        model=word(read_value(members.get("model"))),
        runtime_ms=read_count(status.get("runtime_ms")),
        cost_usd=amount(read_value(status.get("cost"))),
        tokens_input=_first_count(
            status.get("tokens_input"), members.get("num_input_tokens"), members.get("input_tokens")
        ),
        tokens_output=_first_count(status.get("tokens_generated"), members.get("num_tokens")),
        output_kind=_output_kind(members, results),
        error=_error(members) or _error(results),
        inner_status=_inner_status(members, results),
    )


def _status(members: Members) -> Members:
    raw = members.get("inference_status")
    require_shallow(raw)
    # A list's first object is no envelope.
    return read_members(raw, _STATUS) if raw is not None and bytes(raw)[:1] == b"{" else {}


def _outcome(folded: str) -> Outcome:
    if folded == "succeeded":
        return Outcome.SUCCEEDED
    return Outcome.FAILED if folded in _FAILED else Outcome.PROGRESS


def _event(delivery: Delivery, said: Said) -> InferenceEvent:
    folded = said.provider_status.casefold()
    outcome = _outcome(folded)
    url = delivery.capability
    request = request_id(said.request, url.payload_text, delivery.body)
    last = progress_word(folded) if outcome is Outcome.PROGRESS else outcome
    return InferenceEvent(
        id=event_id(DeepInfra.name, request, last),
        provider=DeepInfra.name,
        request_id=request,
        outcome=outcome,
        provider_status=said.provider_status,
        received_at=delivery.received_at,
        model=url.model or said.model,
        labels=url.labels,
        job=url.job,
        runtime_ms=said.runtime_ms,
        cost_usd=said.cost_usd,
        tokens_input=said.tokens_input,
        tokens_output=said.tokens_output,
        output_kind=said.output_kind,
        error=said.error,
        inner_status=said.inner_status,
        body_sha256=hashlib.sha256(delivery.body).hexdigest(),
        body_bytes=len(delivery.body),
        body=delivery.body,
    )


def _first_count(*places: Raw | None) -> int | None:
    """Read the first usable count: the envelope's for chat models, top level for others."""
    for raw in places:
        if (found := read_count(raw)) is not None:
            return found
    return None


def _output_kind(members: Members, results: Members) -> str | None:
    for key, kind in _KINDS:
        if key in members or key in results:
            return kind
    return None


def _inner_status(members: Members, results: Members) -> str | None:
    """
    Return the job's own status inside the envelope, in the provider's word.

    A succeeded envelope can wrap a failed job (`results.status: "error"`); partner models
    say `status: "ok"` at top level, cog models `status: "succeeded"`.
    """
    return word(read_value(results.get("status"))) or word(read_value(members.get("status")))


def _error(place: Members) -> EventError | None:
    """
    Return the error in any of the places where DeepInfra's clients have found one.

    In the vendor's own order (deepinfra-python `_exceptions.py`): `error`, then `detail`,
    text or nested; then the pair that streaming uses.
    """
    if _ERRORS.isdisjoint(place):  # as almost always: 3 µs saved
        return None
    for key in ("error", "detail"):
        found = _error_from(read_value(place.get(key), _IN_ERRORS))
        if found is not None:
            return found
    kind = code(read_value(place.get("error_type")))
    text = message(read_value(place.get("error_message")))
    return EventError(kind, text) if kind or text else None


def _error_from(value: Any) -> EventError | None:
    if isinstance(value, list):  # 422: a list of {loc, msg, type}
        return next((error for error in map(_error_from, value) if error is not None), None)
    if not isinstance(value, dict):
        text = message(value)
        return None if text is None else EventError(None, text)
    return _nested_error(value) or _own_error(value)


def _nested_error(value: Mapping[str, Any]) -> EventError | None:
    inner = (value.get(key) for key in ("error", "detail"))
    found = (_error_from(place) for place in inner if isinstance(place, dict | list))
    return next((error for error in found if error is not None), None)


def _own_error(value: Mapping[str, Any]) -> EventError | None:
    text = next((m for key in _TEXT_KEYS if (m := message(value.get(key)))), None)
    kind = next((c for key in _CODE_KEYS if (c := code(value.get(key)))), None)
    return EventError(kind, text) if kind or text else None
