"""Alerts as JSON and as records."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.alerting.codec import alert_record, decode_alert, encode_alert
from schemas.alert import Alert, AlertState
from schemas.codec import SchemaError
from tests.support.alerting import TOPICS, an_alert
from tests.support.schemas import validator
from tests.support.strategies import label_maps, moments, texts

alerts = st.builds(
    Alert,
    dedup_key=texts,
    rule=texts,
    state=st.sampled_from(AlertState),
    severity=texts,
    summary=texts,
    group=label_maps,
    value=st.floats(allow_nan=False, allow_infinity=False),
    threshold=st.floats(allow_nan=False, allow_infinity=False),
    starts_at=moments,
    ends_at=moments,
    samples=st.lists(texts, max_size=5).map(tuple),
)


@given(alerts)
def test_an_alert_comes_back_as_it_was(alert: Alert) -> None:
    """Whoever reads the topic has exactly what was raised."""
    assert decode_alert(encode_alert(alert)) == alert


@given(alerts.filter(lambda alert: alert.dedup_key and alert.rule and alert.severity))
def test_what_is_published_follows_its_schema(alert: Alert) -> None:
    """The JSON Schema file is what other programs go by."""
    validator("alert").validate(orjson.loads(encode_alert(alert)))


def test_times_are_written_like_those_of_events() -> None:
    """RFC 3339, UTC, microseconds."""
    members = orjson.loads(encode_alert(an_alert()))

    assert members["starts_at"] == "2026-11-24T12:00:00.000000Z"
    assert members["dedup_key"] == "failures-0123456789abcdef"


@pytest.mark.parametrize("value", [b"", b"{}", b"\xff", b'{"dedup_key": 1}'])
def test_what_is_no_alert_is_refused(value: bytes) -> None:
    """A reader gets one kind of error."""
    with pytest.raises(SchemaError):
        decode_alert(value)


def test_a_repeat_has_the_same_id_and_the_end_another() -> None:
    """Receivers dedupe by `ce_id`; the end of an alert must not look like a repeat."""
    raised = alert_record(an_alert(), TOPICS)
    repeat = alert_record(an_alert(value=9.0), TOPICS)
    end = alert_record(an_alert(state=AlertState.RESOLVED), TOPICS)

    assert raised.header("ce_id") == repeat.header("ce_id") != end.header("ce_id")
    assert raised.key == end.key == b"failures-0123456789abcdef"
    assert (raised.topic, raised.header("ce_type")) == (
        "inference.alerts",
        "inferbus.alert.firing.v1",
    )
