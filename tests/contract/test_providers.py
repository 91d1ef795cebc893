"""What any provider adapter must do, shown on the bodies kept beside this suite."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.providers import PROVIDERS
from ingest.providers.base import MalformedDelivery
from schemas.callback import Capability
from schemas.codec import decode_event, encode_event
from schemas.delivery import Delivery
from schemas.event import InferenceEvent
from tests.support.schemas import validate_event

FIXTURES = Path(__file__).parents[1] / "fixtures" / "providers"
RECEIVED_AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
REASONS = {"not-json", "not-utf8", "not-object", "too-deep", "duplicate-key", "no-status"}


@dataclass(frozen=True)
class Case:
    """One body and what must come of it."""

    provider: str
    name: str

    @property
    def body(self) -> bytes:
        return (FIXTURES / self.provider / f"{self.name}.json").read_bytes()

    @property
    def expected(self) -> dict[str, Any]:
        text = (FIXTURES / self.provider / f"{self.name}.expected.json").read_text("utf-8")
        expected: dict[str, Any] = json.loads(text)
        return expected

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}"


CASES = [
    Case(folder.name, path.name.removesuffix(".expected.json"))
    for folder in sorted(FIXTURES.iterdir())
    for path in sorted(folder.glob("*.expected.json"))
]
UNDERSTOOD = [case for case in CASES if "quarantine" not in case.expected]


def delivery(provider: str, body: bytes, **url: Any) -> Delivery:
    capability = Capability(key_id="k1", payload_text="", **url)
    return Delivery(provider, body, RECEIVED_AT, capability)


def parse(provider: str, body: bytes, **url: Any) -> list[InferenceEvent]:
    return PROVIDERS[provider].parse(delivery(provider, body, **url))


def test_every_provider_has_bodies_to_show() -> None:
    """An adapter without fixtures is not tested by this suite, so it may not exist."""
    assert set(PROVIDERS) == {case.provider for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_body_becomes_what_is_expected(case: Case) -> None:
    """Each member of the expectation holds, or the body is malformed for the given reason."""
    reason = case.expected.get("quarantine")
    if reason is not None:
        with pytest.raises(MalformedDelivery) as finding:
            parse(case.provider, case.body)
        assert reason == finding.value.reason
        return

    value = orjson.loads(_head(parse(case.provider, case.body)[0]))

    assert case.expected == {name: value[name] for name in case.expected}


def _head(event: InferenceEvent) -> bytes:
    """Return the value with an empty payload: some payloads are too deep for this reader."""
    return encode_event(msgspec.structs.replace(event, body=b"{}"))


@pytest.mark.parametrize("case", UNDERSTOOD, ids=str)
def test_the_value_follows_the_schema_and_holds_the_exact_body(case: Case) -> None:
    """What is published validates, reads back equal, and carries the bytes verbatim."""
    event = parse(case.provider, case.body)[0]

    value = encode_event(event)

    validate_event(_head(event))
    assert case.body == value[-1 - len(case.body) : -1]
    assert event == decode_event(value)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_url_names_model_labels_and_job(provider: str) -> None:
    """What the callback URL says is in every event."""
    case = next(case for case in UNDERSTOOD if case.provider == provider)

    event = parse(provider, case.body, model="m/x", labels={"team": "a"}, job="j1")[0]

    assert (event.model, event.labels, event.job) == ("m/x", {"team": "a"}, "j1")
    assert event.received_at == RECEIVED_AT


@pytest.mark.parametrize("provider", PROVIDERS)
@given(body=st.binary(max_size=300))
def test_any_bytes_give_events_or_a_reason(provider: str, body: bytes) -> None:
    """No bytes make an adapter raise anything but its one exception."""
    _parse_or_reason(provider, body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["request_id", "inference_status", "status", "error", "detail", "results", "cost", "id"]
)
WORDS = st.sampled_from(["succeeded", "failed", "queued", " FAILED ", "x y"]) | JSON


@pytest.mark.parametrize("provider", PROVIDERS)
@given(
    members=st.dictionaries(KEYS | st.text(max_size=8), JSON, max_size=6),
    status=st.dictionaries(KEYS, JSON, max_size=4),
    word=WORDS,
)
def test_any_json_gives_events_or_a_reason(
    provider: str, members: dict[str, Any], status: dict[str, Any], word: Any
) -> None:
    """Whatever stands in the envelope, what is accepted reads back byte for byte."""
    said = {"status": word, "inference_status": {**status, "status": word}}
    body = json.dumps({**members, **said}).encode()

    for event in _parse_or_reason(provider, body):
        value = encode_event(event)
        assert body == decode_event(value).body
        orjson.loads(value)


def _parse_or_reason(provider: str, body: bytes) -> list[InferenceEvent]:
    try:
        return parse(provider, body)
    except MalformedDelivery as finding:
        if finding.reason not in REASONS:
            raise
        return []
