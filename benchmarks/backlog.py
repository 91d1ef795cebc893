"""Records that wait in Kafka for a consumer, as the ingress would have written them."""

import hashlib
import itertools
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from confluent_kafka import Producer

from benchmarks.bench import Bench
from benchmarks.load.bodies import body
from benchmarks.servers.start import create_topics, kafka_settings
from bus.records import Record, event_record
from schemas.event import EventError, InferenceEvent, Outcome
from schemas.ids import event_id
from schemas.topics import TopicNames

# One in ten is a repeat of an earlier one, one in ten of the rest has failed.
_EACH_TENTH = 10
_FLUSH_S = 120


@dataclass(frozen=True, slots=True)
class Backlog:
    """So many records of so many distinct events, on topics of their own."""

    settings: Mapping[str, str]
    topics: TopicNames
    records: int
    events: int


def fill(bench: Bench, records: int) -> Backlog:
    """Write a backlog of 1 KB bodies with 10 % repeats."""
    bench.say(f"writing a backlog of {records} records")
    prefix = bench.new_prefix()
    settings = kafka_settings(bench, prefix)
    create_topics(bench, settings)
    topics = TopicNames(prefix)
    producer = Producer({"bootstrap.servers": bench.kafka.bootstrap_servers, "linger.ms": 20})
    for record in itertools.islice(_records(topics), records):
        _produce(producer, record)
    if left := producer.flush(_FLUSH_S):
        raise TimeoutError(f"{left} records of the backlog were not written")
    return Backlog(settings, topics, records, records - records // _EACH_TENTH)


def _produce(producer: Producer, record: Record) -> None:
    while True:
        try:
            producer.produce(record.topic, record.value, record.key, headers=list(record.headers))
        except BufferError:
            producer.poll(0.1)
        else:
            producer.poll(0)
            return


def _records(topics: TopicNames) -> Iterator[Record]:
    """Yield nine new events, then a repeat of the first of them, and so on."""
    run = secrets.token_hex(6)
    for start in itertools.count(0, _EACH_TENTH - 1):
        nine = [
            event_record(_event(run, number), topics)
            for number in range(start, start + _EACH_TENTH - 1)
        ]
        yield from nine
        yield nine[0]


def _event(run: str, number: int) -> InferenceEvent:
    request_id = f"B{run}{number:011d}"
    outcome = Outcome.SUCCEEDED if number % _EACH_TENTH else Outcome.FAILED
    content = body("1 KB").whole(request_id.encode())
    return InferenceEvent(
        id=event_id("deepinfra", request_id, outcome),
        provider="deepinfra",
        request_id=request_id,
        outcome=outcome,
        provider_status=outcome.value,
        received_at=datetime.now(UTC),
        model="a/b",
        labels={"team": "bench"},
        runtime_ms=412,
        cost_usd=Decimal("0.0001140000022132881"),
        tokens_input=17,
        tokens_output=42,
        error=None if outcome is Outcome.SUCCEEDED else EventError("timeout", "took too long"),
        body_sha256=hashlib.sha256(content).hexdigest(),
        body_bytes=len(content),
        body=content,
    )
