"""Records become one batch for the sink; what cannot be read is parked, nothing else."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from bus.blobs import BlobStoreError
from bus.deadletter import park_record
from bus.errors import Poison, Transient
from bus.records import Position, ReceivedRecord, Record, event_record, quarantine_record
from consumers.gate import SchemaGate
from consumers.storage.handler import StorageHandler
from consumers.storage.reading import read_batch
from consumers.storage.sinks.base import Batch, Written
from schemas.event import InferenceEvent
from schemas.topics import TopicNames
from tests.support.storage import (
    NOON,
    a_held_delivery,
    an_event,
    an_offloaded_event,
    sha256,
)

TOPICS = TopicNames()


class _Sink:
    """Remembers batches; stores each event once."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.conflicts = 0
        self._ids: set[str] = set()

    def prepare(self, batch: Batch) -> Batch:
        return replace(batch, prepared=True)

    def write(self, batch: Batch) -> Written:
        self.batches.append(batch)
        new = [e.content for e in batch.events if e.content.id not in self._ids]
        self._ids |= {event.id for event in new}
        return Written(new, self.conflicts)


class _Blobs:
    """Has these blobs, or is away."""

    def __init__(self, *held: str, error: str | None = None) -> None:
        self._held = held
        self._error = error

    def has(self, sha256: str) -> bool:
        if self._error is not None:
            raise BlobStoreError(self._error)
        return sha256 in self._held


def _handler(
    sink: _Sink, blobs: _Blobs | None = None, problems: Sequence[str] = ()
) -> StorageHandler:
    return StorageHandler(sink, TOPICS, blobs or _Blobs(), SchemaGate(lambda: problems))


def _received(record: Record, offset: int = 0) -> ReceivedRecord:
    position = Position(record.topic, 2, offset)
    return ReceivedRecord(
        record.topic, record.key, record.value, record.headers, position=position, timestamp_ms=5000
    )


def _of(*events: InferenceEvent) -> list[ReceivedRecord]:
    return [_received(event_record(event, TOPICS), n) for n, event in enumerate(events)]


def test_records_of_every_topic_become_one_batch() -> None:
    """Each says what it is by its topic."""
    sink = _Sink()
    held = a_held_delivery()
    parked = park_record(
        _of(an_event())[0], "alerting", "schema", "?", NOON, TOPICS.of("deadletter")
    )

    _handler(sink).handle(
        [*_of(an_event()), _received(quarantine_record(held, TOPICS)), _received(parked)]
    )

    [batch] = sink.batches
    assert [(each.content, each.position.offset) for each in batch.events] == [(an_event(), 0)]
    assert [each.content for each in batch.quarantined] == [held]
    [dead] = batch.dead_letters
    assert (dead.consumer, dead.topic, dead.partition) == ("alerting", "inference.succeeded", 2)


@pytest.mark.parametrize("topic", ["succeeded", "failed", "progress", "quarantine"])
@pytest.mark.parametrize("value", [b"not an event", b"", None])
def test_a_record_that_cannot_be_read_is_poison(topic: str, value: bytes | None) -> None:
    """Nothing of its batch is written: the worker finds it and parks it."""
    sink = _Sink()
    record = Record(TOPICS.of(topic), b"k", value)

    with pytest.raises(Poison) as caught:
        _handler(sink).handle([*_of(an_event()), _received(record)])

    assert caught.value.reason == "undecodable"
    assert sink.batches == []


def test_what_was_foreseen_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only that very batch: of any other the handler reads what it says itself."""
    read: list[Sequence[ReceivedRecord]] = []

    def read_and_note(batch: Sequence[ReceivedRecord], *rest: Any) -> Batch:
        read.append(batch)
        return read_batch(batch, *rest)

    monkeypatch.setattr("consumers.storage.handler.read_batch", read_and_note)
    handler = _handler(sink := _Sink())
    one, other, third = (_of(an_event(name)) for name in ("R1", "R2", "R3"))

    handler.foresee(one)
    handler.handle(one)
    handler.foresee(other)
    handler.handle(third)
    handler.handle(other)

    assert read == [one, other, third, other]
    assert [said.events[0].content.request_id for said in sink.batches] == ["R1", "R3", "R2"]
    assert [said.prepared for said in sink.batches] == [True, None, None]


def test_what_is_foreseen_and_cannot_be_read_is_poison_when_its_turn_comes() -> None:
    """Not before: the batch in hand has nothing to do with it."""
    handler = _handler(sink := _Sink())
    bad = [_received(Record(TOPICS.of("succeeded"), b"k", b"not an event"))]

    handler.foresee(bad)
    handler.handle(_of(an_event()))
    with pytest.raises(Poison):
        handler.handle(bad)

    assert len(sink.batches) == 1


def test_a_dead_letter_that_no_worker_parked_is_kept_all_the_same() -> None:
    """Parked again it would lie on the same topic, for ever."""
    sink = _Sink()
    record = Record(TOPICS.of("deadletter"), b"k", b"v", (("ce_id", b"deepinfra:R1:failed"),))

    _handler(sink).handle([_received(record, 9)])

    [dead] = sink.batches[0].dead_letters
    assert (dead.consumer, dead.reason, dead.event_id) == (
        "storage",
        "undecodable",
        "deepinfra:R1:failed",
    )
    assert (dead.topic, dead.partition, dead.offset) == ("inference.deadletter", 2, 9)
    assert (dead.key, dead.value, dead.headers) == (record.key, record.value, record.headers)
    assert dead.value_sha256 == sha256(b"v")
    assert dead.parked_at.timestamp() == 5


def test_without_tables_the_batch_waits() -> None:
    """Storage makes no tables."""
    sink = _Sink()

    with pytest.raises(Transient, match="db upgrade"):
        _handler(sink, problems=["run `inferbus db upgrade`"]).handle(_of(an_event()))

    assert sink.batches == []


def test_a_blob_store_that_is_away_is_waited_for() -> None:
    """Whether a body is lost can only be said once it answers."""
    sink = _Sink()

    with pytest.raises(Transient, match="blob store: no route"):
        _handler(sink, _Blobs(error="no route")).handle(_of(an_offloaded_event()))

    assert sink.batches == []


def test_inline_bodies_need_no_blob_store() -> None:
    """Its outage stops only what depends on it."""
    sink = _Sink()

    _handler(sink, _Blobs(error="no route")).handle(_of(an_event()))

    assert len(sink.batches) == 1


def test_an_event_whose_blob_is_gone_is_stored_and_named() -> None:
    """What the record itself says must not be lost too; health is degraded, once for each."""
    sink = _Sink()
    there, gone = an_offloaded_event("R1", b"1"), an_offloaded_event("R2", b"2")
    handler = _handler(sink, _Blobs(sha256(b"1")))

    with capture_logs() as lines:
        handler.handle(_of(there, gone))
        handler.handle(_of(gone))

    assert [line["event_id"] for line in lines if line["event"] == "blob_missing"] == [gone.id]
    check = handler.blobs()
    assert check.is_degraded
    assert check.reason is not None
    assert check.reason.startswith("1 stored event")


def test_only_events_stored_now_are_measured() -> None:
    """Repeats would count run time and cost twice."""
    sink = _Sink()
    event = an_event(model="measured", runtime_ms=1500, cost_usd=Decimal("0.25"))
    huge = an_event("R2", model="measured", runtime_ms=2**64 - 1)

    for _ in range(2):
        _handler(sink).handle(_of(event, huge))

    assert _sample("inferbus_inference_runtime_seconds_sum") == 1.5
    assert _sample("inferbus_inference_runtime_seconds_count") == 1
    assert _sample("inferbus_inference_cost_usd_total") == 0.25


def test_conflicts_are_counted_as_the_sink_found_them() -> None:
    """Only new ones: the sink knows which are."""
    sink = _Sink()
    sink.conflicts = 3
    before = REGISTRY.get_sample_value("inferbus_conflicts_total") or 0

    _handler(sink).handle(_of(an_event()))

    assert REGISTRY.get_sample_value("inferbus_conflicts_total") == before + 3


def _sample(name: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"model": "measured"})
