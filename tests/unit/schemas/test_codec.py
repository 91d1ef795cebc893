"""Events to record values and headers, and back, without losing a byte."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.records import event_record, quarantine_record
from schemas.codec import (
    SchemaError,
    decode_event,
    decode_quarantined,
    encode_event,
    event_headers,
    quarantine_headers,
)
from schemas.event import InferenceEvent, Outcome, PayloadRef, Quarantined
from schemas.topics import TopicNames
from tests.support.schemas import validate_event, validate_headers
from tests.support.strategies import events, held_deliveries, json_bodies

SPLICE = b',"body_bytes":1,"payload":0}'


@given(events())
def test_an_event_comes_back_as_it_went(event: InferenceEvent) -> None:
    """Decoding an encoded event gives an equal event, body and money to the last digit."""
    assert decode_event(encode_event(event)) == event


@given(events())
def test_every_value_follows_the_published_schema(event: InferenceEvent) -> None:
    """Whatever an adapter may make is a strict JSON object by schemas/v1/event.schema.json."""
    validate_event(encode_event(event))


@given(events().filter(lambda event: event.body is not None))
def test_the_body_is_the_tail_of_the_value(event: InferenceEvent) -> None:
    """A reader without JSON slices the provider's exact bytes, white space around them included."""
    value = encode_event(event)

    assert value[-1 - event.body_bytes : -1] == event.body


@given(events(), json_bodies)
def test_a_body_that_imitates_the_head_is_only_a_body(event: InferenceEvent, other: bytes) -> None:
    """The splice point is found even where the body or a text spells it out."""
    body = b'{"a":1,"body_bytes":1,"payload":' + other + b"}"
    imitating = _with_body(event, body, labels={SPLICE.decode(): SPLICE.decode()})

    assert decode_event(encode_event(imitating)) == imitating


@pytest.mark.parametrize(
    "url", ["file:///{0}/b", 'file:///"}', "file:///\\", 'x","payload":', 'x"},"payload":{']
)
def test_a_blob_url_may_hold_any_character(url: str) -> None:
    """Braces and quotes in a bucket's or a folder's name do not hide the end of the head."""
    ref = PayloadRef(url=url, sha256="0" * 64, bytes=3)
    event = _with_body(_EVENT, None, payload_ref=ref)

    assert decode_event(encode_event(event)) == event


@given(st.binary(max_size=300))
def test_any_bytes_are_an_event_or_a_schema_error(value: bytes) -> None:
    """A foreign record never raises anything a worker does not park."""
    with pytest.raises(SchemaError):
        decode_event(value)


@given(events(), st.data())
def test_a_damaged_value_is_an_event_or_a_schema_error(
    event: InferenceEvent, data: st.DataObject
) -> None:
    """Cutting or changing a value anywhere never raises another error."""
    value = bytearray(encode_event(event))
    index = data.draw(st.integers(0, len(value) - 1))
    value[index] = data.draw(st.integers(0, 255))
    damaged = bytes(value[: data.draw(st.integers(index, len(value)))])

    try:
        decoded = decode_event(damaged)
    except SchemaError:
        return
    assert isinstance(decoded, InferenceEvent)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (b'"body_bytes":2', b'"body_bytes":3', "body_bytes says 3, the payload has 2"),
        (b'"outcome":"succeeded"', b'"outcome":"won"', "won"),
        (b'"cost_usd":null', b'"cost_usd":"1e999"', "cost_usd"),
        (b'"cost_usd":null', b'"cost_usd":0.5', "cost_usd"),
        (b'"received_at":"2026', b'"received_at":"x', "received_at"),
        (b'00:00.000000Z"', b'00:00.000000"', "names no time zone"),
        (b',"payload":{}', b"", "exactly one of payload and payload_ref"),
        (b',"payload":{}', b',"data":{}', "no body_bytes member"),
    ],
)
def test_the_error_says_where(old: bytes, new: bytes, complaint: str) -> None:
    """A person who reads a dead letter's detail sees which member is wrong."""
    value = encode_event(_EVENT).replace(old, new)

    with pytest.raises(SchemaError, match=complaint):
        decode_event(value)


def test_members_of_later_versions_are_ignored() -> None:
    """Additive changes within v1 must not stop a consumer that does not know them yet."""
    value = encode_event(_EVENT).replace(b'"job":', b'"region":{"name":"eu"},"job":')

    assert decode_event(value) == _EVENT


@given(events())
def test_an_event_goes_to_the_topic_of_its_outcome_keyed_by_its_job(event: InferenceEvent) -> None:
    """All events of one job share a key, so that they share a partition within a topic."""
    record = event_record(event, TopicNames("jobs"))

    assert record.topic == f"jobs.{event.outcome}"
    assert record.key == event.request_id.encode()


@given(held_deliveries())
def test_a_quarantined_delivery_comes_back_as_it_went(held: Quarantined) -> None:
    """All events of one job share a key, so that they share a partition within a topic."""
    record = quarantine_record(held, TopicNames())

    assert decode_quarantined(record.value or b"", record.headers) == held
    assert record.key == held.id.split(":")[1].encode()
    assert held.outcome is Outcome.QUARANTINED


@given(held_deliveries(), st.sampled_from([None, "00-" + "1" * 32 + "-" + "2" * 16 + "-01"]))
def test_quarantine_headers_follow_the_published_schema(
    held: Quarantined, traceparent: str | None
) -> None:
    """Headers of whatever ingest may hold are valid by schemas/v1/quarantine.schema.json."""
    validate_headers("quarantine", quarantine_headers(held, traceparent))


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("ce_id", None),
        ("inferbus_reason", None),
        ("inferbus_body_bytes", b"many"),
        ("inferbus_received_at", b"0001-01-01T00:00:00+23:59"),
        ("inferbus_labels", b"{"),
        ("inferbus_labels", b"[1]"),
        ("inferbus_payload_ref", b"{}"),
    ],
)
def test_a_broken_quarantine_header_is_a_schema_error(name: str, raw: bytes | None) -> None:
    """A missing or damaged header parks the record instead of stopping the partition."""
    headers = [(key, text) for key, text in quarantine_headers(_HELD) if key != name]
    if raw is not None:
        headers.append((name, raw))

    with pytest.raises(SchemaError, match=r"quarantine header|received_at"):
        decode_quarantined(b"{", headers)


def test_a_trace_goes_along() -> None:
    """The sender's trace context is the last header, and only there when there is one."""
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    assert event_headers(_EVENT, traceparent)[-1] == ("traceparent", traceparent.encode())
    assert "traceparent" not in dict(event_headers(_EVENT))


def test_any_json_reader_reads_a_value() -> None:
    """The value is one plain JSON object; nothing of ours is needed to read it."""
    document = json.loads(encode_event(_EVENT))

    assert document["id"] == "deepinfra:R1:succeeded"
    assert document["payload"] == {}


def _with_body(event: InferenceEvent, body: bytes | None, **changes: object) -> InferenceEvent:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    size = 3 if body is None else len(body)
    return InferenceEvent(
        **(fields | {"body": body, "body_bytes": size, "payload_ref": None} | changes)
    )


_HEAD = (
    b'{"id":"deepinfra:R1:succeeded","provider":"deepinfra","request_id":"R1",'
    b'"outcome":"succeeded","provider_status":"succeeded",'
    b'"received_at":"2026-11-24T08:00:00.000000Z","model":null,"labels":{},"job":null,'
    b'"runtime_ms":null,"cost_usd":null,"tokens_input":null,"tokens_output":null,'
    b'"output_kind":null,"error":null,"inner_status":null,"body_sha256":"' + b"0" * 64
)
_EVENT = decode_event(_HEAD + b'","body_bytes":2,"payload":{}}')
_HELD = Quarantined(
    id=f"deepinfra:sha256-{'0' * 64}:quarantined",
    provider="deepinfra",
    reason="not-json",
    detail="",
    received_at=_EVENT.received_at,
    body_sha256="0" * 64,
    body_bytes=1,
    body=b"{",
)
