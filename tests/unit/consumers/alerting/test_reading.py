"""Records to what rules observe."""

from datetime import UTC, datetime

import pytest
from hypothesis import given

from bus.deadletter import park_record
from bus.errors import Poison
from bus.records import Record, event_record, quarantine_record
from consumers.alerting.reading import read_records
from schemas.deadletter import DeadLetter
from schemas.event import InferenceEvent, Quarantined
from tests.support.alerting import NOON, TOPICS, an_event, batch, received
from tests.support.strategies import events, held_deliveries


@given(events())
def test_every_event_is_observed_as_it_was_published(event: InferenceEvent) -> None:
    """What a rule is shown equals what the ingress wrote."""
    (seen,) = read_records([received(event_record(event, TOPICS))], TOPICS)

    assert (seen.id, seen.at, seen.event) == (event.id, event.received_at, event)


@given(held_deliveries())
def test_quarantined_deliveries_are_observed(held: Quarantined) -> None:
    """Rules on what could not be understood have reason, provider and labels to go by."""
    (seen,) = read_records([received(quarantine_record(held, TOPICS))], TOPICS)

    assert isinstance(seen.event, Quarantined)
    assert (seen.id, seen.at, seen.event.reason) == (held.id, held.received_at, held.reason)


def test_a_dead_letter_is_no_repeat_of_its_event() -> None:
    """The same event parked by two consumers, and the event itself: three things."""
    (event,) = batch(an_event("r1"))
    parked = [
        received(park_record(event, consumer, "schema", "", NOON, TOPICS.of("deadletter")))
        for consumer in ("storage", "alerting")
    ]

    seen = read_records([event, *parked], TOPICS)

    assert len({each.id for each in seen}) == 3
    dead = [each.event for each in seen if isinstance(each.event, DeadLetter)]
    assert [each.consumer for each in dead] == ["storage", "alerting"]


def test_repeats_within_a_batch_are_one() -> None:
    """A batch may hold the same event twice after a sender's retry."""
    seen = read_records(batch(an_event("r1"), an_event("r2"), an_event("r1", 5)), TOPICS)

    assert [each.id for each in seen] == ["deepinfra:r1:failed", "deepinfra:r2:failed"]


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        ("failed", b"not json"),
        ("failed", b""),
        ("failed", None),
        ("succeeded", b'{"id":"x"}'),
        ("quarantine", b"no headers"),
        ("deadletter", b"no headers"),
    ],
)
def test_what_cannot_be_read_is_poison(topic: str, value: bytes | None) -> None:
    """The worker parks it, or skips it on the dead letter topic, and goes on."""
    with pytest.raises(Poison) as verdict:
        read_records([received(Record(TOPICS.of(topic), b"k", value))], TOPICS)

    assert verdict.value.reason == "undecodable"


@pytest.mark.parametrize("year", [1969, 9999])
def test_a_time_no_bucket_can_hold_is_poison(year: int) -> None:
    """A foreign record with such a time must not stop the worker."""
    event = an_event("r1")
    changed = event_record(event, TOPICS).value or b""
    strange = datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    value = changed.replace(b"2026-11-24T12:00:00.000000Z", strange.encode())

    with pytest.raises(Poison, match=f"year {year}"):
        read_records([received(Record(TOPICS.of("failed"), b"r1", value))], TOPICS)
