"""Hypothesis strategies: JSON bodies as providers might send them, events, held bodies."""

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import strategies as st

from schemas.event import EventError, InferenceEvent, Outcome, PayloadRef, Quarantined
from schemas.ids import MAX_ID_CHARS, content_id, event_id, is_printable_id, progress_word
from schemas.money import MAX_DECIMALS, MAX_DIGITS_BEFORE_POINT

providers = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
request_ids = st.text(min_size=1, max_size=MAX_ID_CHARS).filter(is_printable_id)
texts = st.text(max_size=40)
label_maps = st.dictionaries(texts, texts, max_size=4)
counts = st.none() | st.integers(min_value=0, max_value=2**63 - 1)
moments = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - the strategy wants naive bounds
    max_value=datetime(2199, 12, 31),  # noqa: DTZ001 - same
    timezones=st.just(UTC),
)
sha256s = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)

white_space = st.text(alphabet=" \t\r\n", max_size=3)
# Numbers that no float and no 64-bit integer keeps.
json_numbers = st.from_regex(
    r"-?(0|[1-9][0-9]{0,30})([.][0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True
)
json_strings = st.builds(json.dumps, texts, ensure_ascii=st.booleans())
json_scalars = st.one_of(json_numbers, json_strings, st.sampled_from(["null", "true", "false"]))


def _spaced(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(white_space, parts, white_space).map("".join)


def _containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    items = _spaced(inner)
    members = st.tuples(_spaced(json_strings), st.just(":"), items).map("".join)
    arrays = st.lists(items, max_size=4).map(lambda parts: f"[{','.join(parts)}]")
    # A repeated key is legal JSON and must survive.
    objects = st.lists(members, max_size=4).map(lambda parts: f"{{{','.join(parts)}}}")
    return arrays | objects


json_bodies = _spaced(st.recursive(json_scalars, _containers, max_leaves=12)).map(str.encode)
"""Any JSON text as bytes, with white space in and around it, exactly as written."""


@st.composite
def amounts(draw: st.DrawFn) -> Decimal:
    """Return any amount of money that a provider may state."""
    whole = draw(st.integers(min_value=0, max_value=10**MAX_DIGITS_BEFORE_POINT - 1))
    decimals = draw(st.text(alphabet="0123456789", max_size=MAX_DECIMALS))
    return Decimal(f"{whole}.{decimals}" if decimals else str(whole))


payload_refs = st.builds(
    PayloadRef,
    url=st.text(min_size=1, max_size=60),
    sha256=sha256s,
    bytes=st.integers(min_value=0, max_value=2**40),
    media_type=st.text(min_size=1, max_size=30),
)


@st.composite
def events(draw: st.DrawFn) -> InferenceEvent:
    """Return any event that an adapter may make, its body inline or in the blob store."""
    provider, request = draw(providers), draw(request_ids)
    outcome = draw(st.sampled_from([Outcome.SUCCEEDED, Outcome.FAILED, Outcome.PROGRESS]))
    word = draw(st.text(min_size=1, max_size=200))
    last = progress_word(word) if outcome is Outcome.PROGRESS else outcome.value
    body = draw(json_bodies)
    ref = draw(st.none() | payload_refs)
    return InferenceEvent(
        id=event_id(provider, request, last),
        provider=provider,
        request_id=request,
        outcome=outcome,
        provider_status=word,
        received_at=draw(moments),
        model=draw(st.none() | texts),
        labels=draw(label_maps),
        job=draw(st.none() | texts),
        runtime_ms=draw(counts),
        cost_usd=draw(st.none() | amounts()),
        tokens_input=draw(counts),
        tokens_output=draw(counts),
        output_kind=draw(st.none() | texts),
        error=draw(st.none() | st.builds(EventError, st.none() | texts, st.none() | texts)),
        inner_status=draw(st.none() | texts),
        body_sha256=hashlib.sha256(body).hexdigest(),
        body_bytes=len(body),
        body=None if ref else body,
        payload_ref=ref,
    )


@st.composite
def held_deliveries(draw: st.DrawFn) -> Quarantined:
    """Return any quarantined delivery: arbitrary bytes, inline or in the blob store."""
    provider, payload_text = draw(providers), draw(st.sampled_from(["", "eyJqIjoiNyJ9"]))
    body = draw(st.binary(max_size=200))
    ref = draw(st.none() | payload_refs)
    return Quarantined(
        id=event_id(provider, content_id(payload_text, body), Outcome.QUARANTINED),
        provider=provider,
        reason=draw(st.sampled_from(["not-json", "no-status", "expired"])),
        detail=draw(texts),
        received_at=draw(moments),
        model=draw(st.none() | texts),
        labels=draw(label_maps),
        job=draw(st.none() | texts),
        payload_text=payload_text,
        body_sha256=hashlib.sha256(body).hexdigest(),
        body_bytes=len(body),
        body=None if ref else body,
        payload_ref=ref,
    )
