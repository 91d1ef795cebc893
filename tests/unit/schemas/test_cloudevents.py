"""The headers, read by the official CloudEvents SDK."""

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given

from bus.records import Record, event_record, quarantine_record
from schemas.event import InferenceEvent, Quarantined
from schemas.topics import TopicNames
from tests.support.strategies import events, held_deliveries


@given(events())
def test_the_official_sdk_reads_an_event(event: InferenceEvent) -> None:
    """Every attribute arrives at a reader that knows CloudEvents and nothing of ours."""
    read = from_binary_event(_message(event_record(event, TopicNames())), JSONFormat())

    assert read.get_specversion() == "1.0"
    assert read.get_id() == event.id
    assert read.get_source() == f"/{event.provider}"
    assert read.get_type() == f"inferbus.inference.{event.outcome}.v1"
    assert read.get_time() == event.received_at
    assert read.get_subject() == event.request_id
    assert read.get_datacontenttype() == "application/json"


@given(held_deliveries())
def test_the_official_sdk_reads_a_quarantined_body(held: Quarantined) -> None:
    """A body that is no JSON is opaque bytes to the reader, and all of them."""
    read = from_binary_event(_message(quarantine_record(held, TopicNames())), JSONFormat())

    assert read.get_type() == "inferbus.inference.quarantined.v1"
    assert read.get_subject() == held.request_id
    data = read.get_data() or b""
    # The SDK hands over text where the bytes happen to be UTF-8.
    assert (data.encode() if isinstance(data, str) else data) == (held.body or b"")


def _message(record: Record) -> KafkaMessage:
    assert record.value is not None
    # The SDK takes one value per header name; ours are all different.
    assert len({name for name, _ in record.headers}) == len(record.headers)
    return KafkaMessage(headers=dict(record.headers), key=record.key, value=record.value)
