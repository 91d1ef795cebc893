"""The ways back, and what is lost on none of them, on a real Kafka."""

import asyncio
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from kafka import KafkaAdminClient, KafkaConsumer
from kafka import TopicPartition as ClientPartition
from kafka.structs import MemberState
from prometheus_client import REGISTRY

from bus.blobs import open_blobs
from bus.kafka import KafkaBus, subscription
from bus.kafka.connection import KafkaTuning, consumer_options, group_options
from bus.kafka.subscription import KafkaSubscription
from bus.kafka.unpacking import unpack_quickly
from bus.protocols import TopicConfig
from bus.records import ReceivedRecord, Record, TopicPartition, event_record
from bus.runtime.settings_sections import KafkaSettings
from bus.worker import Batch, Worker
from consumers.database import open_engine
from consumers.storage.sinks.sql import SqlSink
from inferbus.blobs import sweep
from inferbus.cli import run
from ingest.spool.spool import Spool
from schemas.codec import decode_event
from schemas.event import PayloadRef
from schemas.topics import TopicNames
from tests.support.s3 import aws_environment, fresh_bucket, s3_server
from tests.support.storage import (
    NOON,
    a_dead_letter,
    a_held_delivery,
    an_event,
    an_offloaded_event,
    batch_of,
)

pytestmark = pytest.mark.kafka

_PATIENCE_S = 60.0
LABELS = {"customer": "acme"}


@dataclass(frozen=True)
class Place:
    """A data directory, topics and tables of this test's own, and the command line on them."""

    data_dir: Path
    bus: KafkaBus
    prefix: str
    capsys: pytest.CaptureFixture[str]

    @property
    def names(self) -> TopicNames:
        return TopicNames(self.prefix)

    def cli(self, *args: str) -> tuple[int, list[dict[str, object]], str]:
        """Run a command; return its status, its JSON rows, and what it said."""
        self.capsys.readouterr()
        status = run([*args, "--json"])
        said = self.capsys.readouterr()
        return status, [json.loads(line) for line in said.out.splitlines()], said.err

    def held(self, outcome: str) -> list[ReceivedRecord]:
        """Return all records of a topic."""
        topic = self.names.of(outcome)
        with closing(self.bus.admin()) as admin:
            ends = admin.end_offsets([topic])
        expected, found = sum(ends.values()), list[ReceivedRecord]()
        with closing(self.bus.read([topic])) as reader:
            ends_at = time.monotonic() + _PATIENCE_S
            while len(found) < expected and time.monotonic() < ends_at:
                found += reader.poll(0.5)
        return found

    def publish(self, *records: Record) -> None:
        publisher = self.bus.publisher("test")
        for record in records:
            publisher.submit(record).result(_PATIENCE_S)
        publisher.close()

    def sink(self) -> SqlSink:
        return SqlSink(open_engine(f"sqlite:///{self.data_dir / 'inferbus.db'}"))

    def settle_all(self) -> None:
        """Have both groups commit all that there is."""
        for group, topics in sweep.reading_groups(self.prefix, self.names):
            with closing(self.bus.admin()) as admin:
                ends = admin.end_offsets(topics)
            with closing(self.bus.subscribe(group, topics, "test")) as member:
                ends_at = time.monotonic() + _PATIENCE_S
                while len(member.assignment()) < len(ends) and time.monotonic() < ends_at:
                    member.poll(1.0)
                member.commit(ends)


@pytest.fixture(autouse=True)
def logs_put_back() -> Iterator[None]:
    """Put back what a command set up: its logs go to a stream that ends with the test."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def place(
    real_kafka: str,
    kafka_bus: KafkaBus,
    topic_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Place:
    for name in [name for name in os.environ if name.startswith("INFERBUS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    settings = {
        "SECRETS_DIR": str(tmp_path / "none"),
        "DATA_DIR": str(tmp_path),
        "KAFKA__BOOTSTRAP_SERVERS": real_kafka,
        "KAFKA__GROUP_PREFIX": topic_prefix,
        "TOPICS__PREFIX": topic_prefix,
        "TOPICS__PARTITIONS": "3",
        "TOPICS__REPLICATION_FACTOR": "1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"INFERBUS_{name}", value)
    place = Place(tmp_path, kafka_bus, topic_prefix, capsys)
    assert place.cli("topics", "create")[0] == 0
    assert place.cli("db", "upgrade")[0] == 0
    return place


def ids(records: list[ReceivedRecord]) -> list[str | None]:
    return sorted(record.header("ce_id") or "" for record in records)  # type: ignore[return-value] # sorted


def test_a_left_spool_is_drained_by_a_command(place: Place) -> None:
    """Under the same ids; first it says what it would do; afterwards nothing waits."""
    spool = place.data_dir / "spool"
    records = [event_record(an_event(f"R{n}"), place.names) for n in range(100)]
    asyncio.run(_spooled(spool, records))

    _, would, _ = place.cli("spool", "drain")
    assert place.held("succeeded") == []
    status, done, said = place.cli("spool", "drain", "--yes")

    assert {row["result"] for row in would} == {"would be published"}
    assert (status, {row["result"] for row in done}) == (0, {"published"})
    assert "100 published, 0 kept" in said
    assert ids(place.held("succeeded")) == sorted(f"deepinfra:R{n}:succeeded" for n in range(100))
    assert place.cli("spool", "list")[1] == []


async def _spooled(folder: Path, records: list[Record]) -> None:
    spool = Spool(folder, 1 << 25)
    await spool.open()
    for record in records:
        await spool.append(record, record.header("ce_id") or "", "sha")
    await spool.close()


def test_without_a_kafka_nothing_is_drained(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what is wrong; everything stays."""
    asyncio.run(_spooled(place.data_dir / "spool", [event_record(an_event(), place.names)]))
    monkeypatch.setenv("INFERBUS_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")

    status, rows, said = place.cli("spool", "drain", "--yes")

    assert (status, rows, said.count("\n")) == (1, [], 1)
    assert len(place.cli("spool", "list")[1]) == 1


def test_a_replayed_quarantine_keeps_labels_and_its_first_moment(place: Place) -> None:
    """The event says what the URL said, and when the delivery came, not when it was replayed."""
    body = b'{"request_id":"R1","inference_status":{"status":"succeeded"}}'
    held = a_held_delivery(body, model="m", labels=LABELS, job="j", payload_text="eyJtIjoibSJ9")
    place.sink().write(batch_of([], [held]))

    status, rows, _ = place.cli("quarantine", "replay", "--all", "--yes")

    assert (status, [row["result"] for row in rows]) == (0, ["replayed"])
    [record] = place.held("succeeded")
    event = decode_event(record.value or b"")
    assert (event.model, event.labels, event.job) == ("m", LABELS, "j")
    assert (event.received_at, event.body) == (NOON, body)
    assert place.cli("quarantine", "replay", "--all", "--yes")[2].startswith("nothing to replay")


def test_a_replayed_dead_letter_is_the_record_that_it_was(place: Place) -> None:
    """Key, value and headers; labels and the first moment stand in the value."""
    original = event_record(an_event(model="m", labels=LABELS), place.names)
    dead = a_dead_letter(
        original.value, topic=original.topic, key=original.key, headers=original.headers
    )
    place.sink().write(batch_of([], [], [dead]))

    status, rows, _ = place.cli("deadletter", "replay", "--all", "--yes")

    assert (status, [row["result"] for row in rows]) == (0, ["replayed"])
    [record] = place.held("succeeded")
    event = decode_event(record.value or b"")
    assert (record.key, record.value) == (original.key, original.value)
    assert (event.labels, event.received_at) == (LABELS, NOON)
    assert set(original.headers) <= set(record.headers)


@pytest.fixture(params=["directory", "s3"])
def blobs_url(
    request: pytest.FixtureRequest, place: Place, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A store of each kind, set for the commands of that place."""
    if request.param == "directory":
        url = (place.data_dir / "blobs").as_uri()
        monkeypatch.setenv("INFERBUS_BLOBS__URL", url)
        yield url
        return
    with s3_server() as endpoint, aws_environment(endpoint):
        url = f"s3://{fresh_bucket(endpoint)}/prefix"
        monkeypatch.setenv("INFERBUS_BLOBS__URL", url)
        yield url


def test_only_what_nothing_refers_to_is_swept(
    blobs_url: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables, topics and another replica's spool are asked; nobody may lag; trash first."""
    monkeypatch.setattr(sweep, "MIN_AGE", timedelta(seconds=-60))  # the store sets the clock
    store = open_blobs(blobs_url)
    bodies = {name: name.encode() * 50 for name in ("row", "topic", "spool", "nobody")}
    shas = {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items()}
    for name, body in bodies.items():
        store.put(body, shas[name])
    place.settle_all()  # the groups are there, and have nothing to read yet
    place.sink().write(batch_of([an_offloaded_event("R1", bodies["row"])]))
    place.publish(event_record(an_offloaded_event("R2", bodies["topic"]), place.names))
    other = place.data_dir / "other-replica"
    spooled = event_record(an_offloaded_event("R3", bodies["spool"]), place.names)
    asyncio.run(_spooled(other, [spooled]))

    lagging = place.cli("blobs", "sweep", "--yes", "--spool", str(other))
    place.settle_all()
    _, would, said = place.cli("blobs", "sweep", "--spool", str(other))
    there = {blob.sha256 for blob in store.blobs()}
    status, done, _ = place.cli("blobs", "sweep", "--yes", "--spool", str(other))

    assert lagging[0] == 1
    assert "behind" in lagging[2], lagging
    assert [row["sha256"] for row in would] == [shas["nobody"]], said
    assert there == set(shas.values())
    assert (status, [row["result"] for row in done]) == (0, ["moved"])
    assert {blob.sha256 for blob in store.blobs()} == set(shas.values()) - {shas["nobody"]}

    sound, [figures], _ = place.cli("blobs", "check", "--spool", str(other))
    assert (sound, figures["references"], figures["blobs"]) == (0, 3, 3)
    [listed] = [blob for blob in store.blobs() if blob.sha256 == shas["topic"]]
    store.discard(listed, "2026-11-26")
    broken, [figures], _ = place.cli("blobs", "check", "--spool", str(other))
    assert (broken, figures["missing"], figures["damaged"]) == (1, 1, 0)


def test_other_bytes_than_the_hash_s_are_told(place: Place) -> None:
    """A disk that flips a bit: `blobs check` reads every byte."""
    body = b"the body" * 100
    sha256 = hashlib.sha256(body).hexdigest()
    open_blobs((place.data_dir / "blobs").as_uri()).put(body, sha256)
    file = place.data_dir / "blobs" / sha256[:2] / sha256
    file.write_bytes(b"X" + body[1:])
    ref = PayloadRef(file.as_uri(), sha256, len(body))
    place.sink().write(batch_of([an_event(body=body, payload_ref=ref)]))

    status, [figures], _ = place.cli("blobs", "check", "--tables-only")

    assert (status, figures["damaged"], figures["missing"]) == (1, 1, 0)


def test_records_that_retention_removed_unread_raise_an_alarm(
    real_kafka: str, kafka_bus: KafkaBus, topic_prefix: str
) -> None:
    """Log, counter and health; what is left is read."""
    topic = f"{topic_prefix}.t"
    with closing(kafka_bus.admin()) as admin:
        admin.create_topics([TopicConfig(topic, 1), TopicConfig(f"{topic}.dead", 1)])
    publisher = kafka_bus.publisher("test")
    for number in range(10):
        publisher.submit(Record(topic, b"k", b"%d" % number)).result(_PATIENCE_S)
    publisher.close()
    with closing(kafka_bus.subscribe("g-" + topic, [topic], "test")) as member:
        _until(lambda: bool(member.poll(1.0)))
        member.commit({TopicPartition(topic, 0): 2})
    admin_client = KafkaAdminClient(bootstrap_servers=real_kafka)
    admin_client.delete_records({ClientPartition(topic, 0): 6})
    admin_client.close()

    handled: list[bytes] = []
    worker = Worker(
        "storage",
        kafka_bus,
        "g-" + topic,
        [topic],
        _Collecting(handled),
        dead_letter_topic=f"{topic}.dead",
    )
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    _until(lambda: len(handled) == 4)
    worker.stop()
    thread.join(_PATIENCE_S)

    assert handled == [b"6", b"7", b"8", b"9"]
    assert worker.state().status == "degraded"
    assert f"4 of {topic}" in str(worker.state().reason)
    labels = {"consumer": "storage", "topic": topic}
    assert REGISTRY.get_sample_value("inferbus_records_lost_total", labels) == 4


class _Collecting:
    def __init__(self, handled: list[bytes]) -> None:
        self._handled = handled

    def handle(self, batch: Batch) -> None:
        self._handled += [record.value or b"" for record in batch]


def test_a_client_that_stalls_after_a_rejoin_is_healed(
    real_kafka: str,
    kafka_bus: KafkaBus,
    topic_prefix: str,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """
    kafka-python 3.0.12 falls out of its group for good, without an error: provoked, then healed.

    It happens where metadata arrives after the first join and a poll ends within the rejoin.
    """
    topic = f"{topic_prefix}.t"
    with closing(kafka_bus.admin()) as admin:
        admin.create_topics([TopicConfig(topic, 3)])
    publisher = kafka_bus.publisher("test")
    for number in range(5):
        publisher.submit(Record(topic, b"%d" % number, b"v")).result(_PATIENCE_S)
    publisher.close()

    member, stalled_at = _stalled(real_kafka, topic, monkeypatch)
    polls = found = 0
    with closing(member):
        while not found and polls < 40:
            polls += 1
            found = len(member.poll(1.0))
    record_property("seconds_to_heal", round(time.monotonic() - stalled_at, 1))

    assert found > 0
    # A poll that finds nothing lasts a second.
    assert polls <= 15


def _stalled(
    servers: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[KafkaSubscription, float]:
    """Return a member whose client has stalled; polls of 3 ms bring it about nearly always."""
    tuning = KafkaTuning(session_timeout_s=6.0)
    for attempt in range(10):
        group = f"g{attempt}-{topic}"
        options = consumer_options(KafkaSettings(bootstrap_servers=servers), "test", tuning)
        options |= group_options(group, tuning)
        with monkeypatch.context() as short:
            short.setattr(subscription, "_SHORTEST_POLL_MS", 3)
            member = KafkaSubscription(
                options, [topic], tuning.stall_check_s, connect=_connect_unaware
            )
            if not _is_read(member):
                return member, time.monotonic()
        member.close()
    raise AssertionError("ten starts, and the client stalled in none: is the fault gone?")


def _connect_unaware(options: dict[str, Any], topics: Sequence[str]) -> KafkaConsumer:
    """As the bus does, but for the metadata that it waits for."""
    del topics
    consumer = KafkaConsumer(**options)
    unpack_quickly(consumer)
    return consumer


def _is_read(member: KafkaSubscription) -> bool:
    """Poll shortly for as long as a sound client takes to join."""
    ends_at = time.monotonic() + 4
    while time.monotonic() < ends_at:
        if member.poll(0.003):
            return True
    client = member._consumer
    return bool(client.group_metadata().state == MemberState.STABLE and client.assignment())


def _until(is_so: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert time.monotonic() < ends_at, "gave up waiting"
        time.sleep(0.02)
