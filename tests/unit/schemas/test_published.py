"""The published contract: schema files, their examples, and what must stay readable."""

import base64
import hashlib
import json
from datetime import datetime
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.deadletter import park_record, read_dead_letter
from bus.records import Position, ReceivedRecord, event_record
from schemas.alert import Alert, AlertState
from schemas.codec import decode_event, decode_quarantined, encode_event
from schemas.event import InferenceEvent
from schemas.topics import TOPICS, TopicNames
from tests.support.schemas import (
    EXAMPLES,
    SCHEMAS,
    validate_event,
    validate_headers,
    validate_receipt,
    validator,
)
from tests.support.strategies import events, label_maps, moments, texts

NAMES = sorted(path.name.removesuffix(".schema.json") for path in SCHEMAS.glob("*.json"))
ALL_EXAMPLES = sorted(EXAMPLES.glob("*/*.json"))
# AsyncAPI's schema object is a superset of draft-07: readers of both know these words.
COMMON_SUBSET = {
    *("$schema", "$id", "$ref", "$defs", "title", "description", "examples", "type", "format"),
    *("properties", "required", "additionalProperties", "items", "minItems", "oneOf"),
    *("enum", "const", "pattern", "minLength", "maxLength", "minimum"),
}


def example_id(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_and_names_itself(name: str) -> None:
    """Each file is a 2020-12 schema with an id after its own name, and says what it is."""
    schema = _schema(name)

    jsonschema_rs.meta.validate(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:inferbus:v1:{name}.schema.json"
    assert schema["title"]
    assert schema["description"]


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_keeps_to_the_common_subset(name: str) -> None:
    """Only words that every reader knows are used, so that AsyncAPI tools can refer to it."""
    used = {word for schema in _subschemas(_schema(name)) for word in schema}

    assert used <= COMMON_SUBSET


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_has_examples(name: str) -> None:
    """Nobody learns a format from its schema alone."""
    assert list((EXAMPLES / name).glob("*.json"))


@pytest.mark.parametrize("path", ALL_EXAMPLES, ids=example_id)
def test_an_example_follows_its_schema(path: Path) -> None:
    """What we show is what we promise."""
    validator(path.parent.name).validate(json.loads(path.read_bytes()))


@pytest.mark.parametrize("path", sorted((EXAMPLES / "event").glob("*.json")), ids=example_id)
def test_every_event_ever_published_under_v1_still_decodes(path: Path) -> None:
    """Examples are never rewritten: an old record must read, its body sliced out verbatim."""
    value = path.read_bytes().removesuffix(b"\n")

    event = decode_event(value)

    validate_event(value)
    assert decode_event(encode_event(event)) == event
    if event.body is not None:
        assert event.body == value[-1 - event.body_bytes : -1]
        assert event.body_sha256 == hashlib.sha256(event.body).hexdigest()


@pytest.mark.parametrize("path", sorted((EXAMPLES / "quarantine").glob("*.json")), ids=example_id)
def test_every_quarantine_record_ever_published_under_v1_still_decodes(path: Path) -> None:
    """Examples are never rewritten: the reason and the URL's labels stay readable."""
    texts_by_name = json.loads(path.read_bytes())
    headers = [(name, text.encode()) for name, text in texts_by_name.items()]

    held = decode_quarantined(b"", headers)

    validate_headers("quarantine", headers)
    assert held.id == texts_by_name["ce_id"]
    assert held.reason == texts_by_name["inferbus_reason"]


@pytest.mark.parametrize("path", sorted((EXAMPLES / "deadletter").glob("*.json")), ids=example_id)
def test_every_dead_letter_ever_parked_under_v1_still_reads(path: Path) -> None:
    """Examples are never rewritten: an old dead letter can still be replayed."""
    told = json.loads(path.read_bytes())
    headers = tuple((name, text.encode()) for name, text in told.items())
    lies_at = Position("inference.deadletter", 0, 0)

    dead = read_dead_letter(ReceivedRecord("x", b"R1", b"{}", headers, position=lies_at))

    assert (dead.topic, str(dead.offset)) == (
        told["inferbus_dl_topic"],
        told["inferbus_dl_offset"],
    )
    assert dead.event_id == told.get("ce_id")


@given(events(), texts, texts.filter(bool), moments)
def test_headers_of_a_parked_event_follow_the_published_schema(
    event: InferenceEvent, detail: str, reason: str, moment: datetime
) -> None:
    """Whatever a worker parks is valid by schemas/v1/deadletter.schema.json."""
    record = event_record(event, TopicNames())
    received = ReceivedRecord(
        record.topic, record.key, record.value, record.headers, position=Position("t", 3, 41)
    )

    parked = park_record(received, "storage", reason, detail, moment, "inference.deadletter")

    validate_headers("deadletter", parked.headers)


@pytest.mark.parametrize("path", sorted((EXAMPLES / "alert").glob("*.json")), ids=example_id)
def test_an_alert_example_is_an_alert(path: Path) -> None:
    """The schema and the type say the same."""
    alert = msgspec.json.decode(path.read_bytes(), type=Alert)

    assert alert.rule == "failures"


@given(
    st.builds(
        Alert,
        dedup_key=st.text(min_size=1),
        rule=st.text(min_size=1),
        state=st.sampled_from(AlertState),
        severity=st.sampled_from(["warning", "critical"]),
        summary=texts,
        group=label_maps,
        value=st.floats(allow_nan=False, allow_infinity=False),
        threshold=st.floats(allow_nan=False, allow_infinity=False),
        starts_at=moments,
        ends_at=moments,
        samples=st.lists(texts, max_size=3).map(tuple),
    )
)
def test_any_alert_follows_the_published_schema(alert: Alert) -> None:
    """What a notifier writes is valid by schemas/v1/alert.schema.json."""
    validator("alert").validate(json.loads(msgspec.json.encode(alert)))


@pytest.mark.parametrize(
    ("name", "break_it"),
    [
        ("event", {"cost_usd": 0.5}),
        ("event", {"cost_usd": "1e-4"}),
        ("event", {"outcome": "quarantined"}),
        ("event", {"received_at": "2026-11-24T08:00:00Z"}),
        ("event", {"received_at": "2026-13-24T08:00:00.000000Z"}),
        ("event", {"runtime_ms": -1}),
        ("event", {"labels": {"n": 1}}),
        ("event", {"body_sha256": "A" * 64}),
        ("event", {"payload_ref": {"url": "file:///x", "sha256": "0" * 64, "bytes": 1}}),
        ("receipt", {"status": "accepted"}),
        ("receipt", {"events": []}),
        ("receipt", {"durability": "memory"}),
        ("receipt", {"status": "quarantined"}),
        ("deadletter", {"inferbus_dl_offset": 41}),
        ("quarantine", {"inferbus_body_bytes": "-1"}),
        ("callback", {"x": "tomorrow"}),
        ("alert", {"state": "acknowledged"}),
    ],
)
def test_the_schemas_are_not_merely_decoration(name: str, break_it: dict[str, object]) -> None:
    """A document with one wrong member is refused."""
    document = json.loads(_first_example(name)) | break_it

    with pytest.raises(jsonschema_rs.ValidationError):
        validator(name).validate(document)


def test_unknown_members_are_allowed_everywhere() -> None:
    """Additions within v1 must not break readers that validate."""
    for name in NAMES:
        validator(name).validate(json.loads(_first_example(name)) | {"region": "eu"})


def test_a_receipt_without_events_is_no_receipt() -> None:
    """A 200 always says which events it stands for."""
    with pytest.raises(jsonschema_rs.ValidationError):
        validate_receipt({"status": "published", "durability": "kafka"})


def test_every_topic_names_an_existing_schema() -> None:
    """The register and the files agree."""
    for topic in TOPICS:
        assert (SCHEMAS / topic.schema).is_file()


def test_a_callback_example_is_what_stands_in_a_url() -> None:
    """The payload is that JSON in base64url without padding, of URL-safe length."""
    raw = (EXAMPLES / "callback" / "nonce-only.json").read_bytes()
    compact = json.dumps(json.loads(raw), separators=(",", ":")).encode()

    assert base64.urlsafe_b64encode(compact) == b"eyJuIjoiYjNKa1pYSSJ9"


def _schema(name: str) -> dict[str, object]:
    document = json.loads((SCHEMAS / f"{name}.schema.json").read_bytes())
    assert isinstance(document, dict)
    return document


def _subschemas(schema: object) -> list[dict[str, object]]:
    """Return the schema and all schemas in it; names of properties are no keywords."""
    if not isinstance(schema, dict):
        return []
    found: list[dict[str, object]] = [schema]
    for word in ("properties", "$defs"):
        for inner in schema.get(word, {}).values():
            found += _subschemas(inner)
    for inner in (
        *schema.get("oneOf", []),
        schema.get("items"),
        schema.get("additionalProperties"),
    ):
        found += _subschemas(inner)
    return found


def _first_example(name: str) -> bytes:
    first = {"receipt": "published", "event": "succeeded-text"}.get(name)
    paths = sorted((EXAMPLES / name).glob("*.json"))
    return (EXAMPLES / name / f"{first}.json" if first else paths[0]).read_bytes()
