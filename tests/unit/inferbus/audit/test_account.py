"""A whole audit over the in-memory bus and a real database file."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event

import msgspec
import pytest
from sqlalchemy import Engine, update

from bus.deadletter import park_record, read_dead_letter
from bus.memory import MemoryBus
from bus.records import (
    Position,
    ReceivedRecord,
    Record,
    TopicPartition,
    event_record,
    quarantine_record,
)
from consumers.database import open_engine, upgrade
from consumers.storage import queries
from consumers.storage.pruning import Pruner
from consumers.storage.sinks.base import Arrived, Batch
from consumers.storage.sinks.sql import SqlSink
from consumers.storage.tables import EVENTS
from inferbus.audit.account import Account, Listener, Subject, take_account
from inferbus.audit.report import is_balanced, summary, table_rows, verdict
from inferbus.audit.spools import SpoolContents
from schemas.codec import decode_event, decode_quarantined
from schemas.event import InferenceEvent, Outcome, PayloadRef, Quarantined
from schemas.topics import TopicNames

NAMES = TopicNames()
GROUP = "inferbus-storage"
AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
DEADLETTER = NAMES.of("deadletter")


def event(number: int, body: bytes = b'{"a": 1, "b": 2}') -> InferenceEvent:
    """Return a succeeded event of that number."""
    return InferenceEvent(
        id=f"deepinfra:R{number}:succeeded",
        provider="deepinfra",
        request_id=f"R{number}",
        outcome=Outcome.SUCCEEDED,
        provider_status="succeeded",
        received_at=AT,
        cost_usd=Decimal("0.0001140000022132881"),
        body_sha256=hashlib.sha256(body).hexdigest(),
        body_bytes=len(body),
        body=body,
    )


def held(body: bytes = b"not json") -> Quarantined:
    """Return a quarantined delivery."""
    digest = hashlib.sha256(body).hexdigest()
    return Quarantined(
        id=f"deepinfra:sha256-{digest}:quarantined",
        provider="deepinfra",
        reason="not-json",
        detail="",
        received_at=AT,
        body_sha256=digest,
        body_bytes=len(body),
        body=body,
    )


class Scene:
    """A bus, a database, and storage's hand between them."""

    def __init__(self, engine: Engine) -> None:
        self.bus = MemoryBus(NAMES.all)
        self.engine = engine
        self.publisher = self.bus.publisher("test")
        self.blobs = {"kept"}
        self.notes: list[str] = []

    def publish(self, *records: Record) -> list[ReceivedRecord]:
        """Put records on the bus; return them as they lie there."""
        places = [self.publisher.submit(record).result(1) for record in records]
        return [
            ReceivedRecord(rec.topic, rec.key, rec.value, rec.headers, position=place)
            for rec, place in zip(records, places, strict=True)
        ]

    def store(self, records: Sequence[ReceivedRecord]) -> None:
        """Write records to the database as storage does, without a commit."""
        sink = SqlSink(self.engine, lambda: AT)
        for record in records:
            sink.write(_batch(record))

    def commit_all(self) -> None:
        """Let the group have settled everything that is on the bus."""
        subscription = self.bus.subscribe(GROUP, NAMES.stored, "test")
        subscription.poll(0.0)
        admin = self.bus.admin()
        subscription.commit(admin.end_offsets(NAMES.stored))
        subscription.close()

    def audit(self, wait_s: float = 0.0) -> Account:
        """Take the account."""
        subject = Subject(self.bus, self.engine, self.blobs.__contains__, NAMES, GROUP)
        listener = Listener(lambda _: None, lambda _: None, self.notes.append)
        return take_account(subject, wait_s, listener)


def _batch(record: ReceivedRecord) -> Batch:
    value = record.value or b""
    if record.topic == DEADLETTER:
        return Batch(dead_letters=[read_dead_letter(record)])
    if record.topic == NAMES.of("quarantine"):
        kept = decode_quarantined(value, record.headers)
        return Batch(quarantined=[Arrived(kept, record.position)])
    return Batch(events=[Arrived(decode_event(value), record.position)])


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An up-to-date database file, made once: revisions take their time."""
    file = tmp_path_factory.mktemp("fresh") / "inferbus.db"
    upgrade(f"sqlite:///{file}")
    return file.read_bytes()


@pytest.fixture
def scene(fresh: bytes, tmp_path: Path) -> Iterator[Scene]:
    file = tmp_path / "inferbus.db"
    file.write_bytes(fresh)
    engine = open_engine(f"sqlite:///{file}")
    yield Scene(engine)
    engine.dispose()


def parked(record: ReceivedRecord, consumer: str = "storage") -> Record:
    """Return the record that parks this one."""
    return park_record(record, consumer, "unstorable", "", AT, DEADLETTER)


def test_stored_records_balance(scene: Scene) -> None:
    """Events, redeliveries, quarantined deliveries and dead letters of every consumer."""
    records = scene.publish(
        *(event_record(event(n), NAMES) for n in range(5)),
        event_record(event(1), NAMES),
        quarantine_record(held(), NAMES),
    )
    records += scene.publish(parked(records[0], "alerting"))
    scene.store(records)
    scene.commit_all()

    told = summary(scene.audit(), {}, SpoolContents())

    assert told["is_balanced"] is True
    assert (told["balanced"], told["behind"], told["lag"], told["differing"]) == (8, 0, 0, {})
    assert told["rows"] == {"events": 5, "conflicts": 0, "quarantine": 1, "dead_letters": 1}
    assert told["not_checkable"] == 0
    assert verdict(told) == "the books balance"


def test_an_empty_bus_balances(scene: Scene) -> None:
    """Nothing came, nothing is missing."""
    assert is_balanced(scene.audit())


def test_a_deleted_row_is_found(scene: Scene) -> None:
    """The record is there, its row is gone."""
    records = scene.publish(*(event_record(event(n), NAMES) for n in range(3)))
    scene.store(records[:2])
    scene.commit_all()

    told = summary(scene.audit(), {}, SpoolContents())

    assert told["differing"] == {"missing": 1}
    assert told["differences"][0]["event_id"] == "deepinfra:R2:succeeded"
    assert told["differences"][0]["topic"] == "inference.succeeded"
    assert not told["is_balanced"]


def test_a_changed_hash_is_found(scene: Scene) -> None:
    """Its own bytes belie the row."""
    scene.store(scene.publish(event_record(event(1), NAMES)))
    scene.commit_all()
    with scene.engine.begin() as connection:
        connection.execute(update(EVENTS).values(body_sha256="0" * 64))

    assert summary(scene.audit(), {}, SpoolContents())["differing"] == {"differs": 1}


def test_what_storage_has_not_read_is_lag_not_loss(scene: Scene) -> None:
    """It is said apart, and the books are not called balanced."""
    scene.publish(*(event_record(event(n), NAMES) for n in range(3)))

    told = summary(scene.audit(), {}, SpoolContents())

    assert (told["behind"], told["lag"], told["differing"]) == (3, 3, {})
    assert not told["is_balanced"]
    assert "storage has not read 3 records" in verdict(told)


def test_equal_content_in_other_bytes_balances(scene: Scene) -> None:
    """Key order and white space are no difference, and no row of their own."""
    scene.store(
        scene.publish(
            event_record(event(1, b'{"a": 1, "b": 2}'), NAMES),
            event_record(event(1, b'{"b":2,"a":1}'), NAMES),
        )
    )
    scene.commit_all()

    told = summary(scene.audit(), {}, SpoolContents())

    assert told["is_balanced"] is True
    assert (told["rows"]["events"], told["rows"]["conflicts"], told["balanced"]) == (1, 0, 2)


def test_a_conflict_is_in_the_books(scene: Scene) -> None:
    """Both contents are kept: two entries, nothing unaccounted for."""
    scene.store(
        scene.publish(
            event_record(event(1, b'{"a": 18446744073709551616}'), NAMES),
            event_record(event(1, b'{"a": 18446744073709551617}'), NAMES),
        )
    )
    scene.commit_all()

    told = summary(scene.audit(), {}, SpoolContents())

    assert told["is_balanced"] is True
    assert told["rows"]["conflicts"] == 1
    assert told["not_checkable"] == 0


def test_an_unreadable_record_balances_once_it_is_parked(scene: Scene) -> None:
    """Its value's hash stands for it."""
    bad = scene.publish(Record(NAMES.of("succeeded"), b"k", b"no event"))
    scene.commit_all()
    assert summary(scene.audit(), {}, SpoolContents())["differing"] == {"missing": 1}

    scene.store(scene.publish(parked(bad[0])))
    scene.commit_all()

    assert is_balanced(scene.audit())


def test_a_parked_record_without_value_stands_for_itself_alone(scene: Scene) -> None:
    """A quarantined delivery by reference has no value either."""
    ref = PayloadRef("file:///blobs/kept", "kept", 600_000)
    large = msgspec.structs.replace(held(), body=None, payload_ref=ref)
    _, empty = scene.publish(quarantine_record(large, NAMES), Record(NAMES.of("failed"), b"k", b""))
    scene.store(scene.publish(parked(empty)))
    scene.commit_all()

    told = summary(scene.audit(), {}, SpoolContents())

    assert [found["event_id"] for found in told["differences"]] == [large.id]


@pytest.mark.parametrize(("sha256", "found"), [("kept", {}), ("gone", {"blob": 2})])
def test_references_are_followed_from_record_and_row(
    scene: Scene, sha256: str, found: dict[str, int]
) -> None:
    """A blob that is gone is found twice: on Kafka and in the table."""
    ref = PayloadRef(f"file:///blobs/{sha256}", sha256, 600_000)
    large = msgspec.structs.replace(event(1), body=None, payload_ref=ref, body_sha256=sha256)
    scene.store(scene.publish(event_record(large, NAMES)))
    scene.commit_all()

    told = summary(scene.audit(), {}, SpoolContents())

    assert told["blob_references"] == 2
    assert told["differing"] == found


def test_rows_whose_records_are_gone_are_not_checkable(scene: Scene) -> None:
    """Kafka forgets by retention; that is no difference."""
    forgotten = Position("inference.succeeded", 0, 99)
    old = [Arrived(event(n), forgotten) for n in range(4)]
    SqlSink(scene.engine).write(Batch(events=old))
    scene.store(scene.publish(event_record(event(7), NAMES)))
    scene.commit_all()

    told = summary(scene.audit(), {}, SpoolContents())

    assert told["is_balanced"] is True
    assert told["not_checkable"] == 4


def test_records_beyond_the_ends_noted_at_the_start_are_left_alone(scene: Scene) -> None:
    """Traffic goes on while an audit runs."""
    scene.store(scene.publish(event_record(event(1), NAMES)))
    scene.commit_all()
    at_first: list[Callable[[], object]] = [
        lambda: scene.publish(*(event_record(event(n), NAMES) for n in range(2, 9)))
    ]
    listener = Listener(lambda _: at_first.pop()(), lambda _: None, lambda _: None)
    subject = Subject(scene.bus, scene.engine, lambda _: True, NAMES, GROUP)

    account = take_account(subject, 0.0, listener)

    assert account.check.records == {"inference.succeeded": 1}
    assert is_balanced(account)


def test_the_table_says_every_figure(scene: Scene) -> None:
    """People see what programs see."""
    scene.store(scene.publish(event_record(event(1), NAMES)))
    scene.commit_all()

    figures = {
        row["what"]: row["figure"]
        for row in table_rows(summary(scene.audit(), {}, SpoolContents()))
    }

    assert figures["records on inference.succeeded"] == 1
    assert figures["records in the books"] == 1
    assert figures["rows in events"] == 1
    assert figures["differences"] == 0


def test_offsets_are_those_of_the_partition(scene: Scene) -> None:
    """A committed offset of one partition settles nothing in another."""
    records = scene.publish(*(event_record(event(n), NAMES) for n in range(30)))
    one = records[0].position.topic_partition
    subscription = scene.bus.subscribe(GROUP, NAMES.stored, "test")
    subscription.poll(0.0)
    ends = scene.bus.admin().end_offsets([one.topic])
    subscription.commit({one: ends[TopicPartition(one.topic, one.partition)]})
    subscription.close()

    told = summary(scene.audit(), {}, SpoolContents())

    assert told["differing"] == {"missing": ends[one]}
    assert told["behind"] == 30 - ends[one]


def test_what_retention_removed_is_no_difference(scene: Scene) -> None:
    """Its records still lie on Kafka: they are counted, and nothing is missing."""
    records = scene.publish(
        event_record(event(1), NAMES),
        event_record(event(2), NAMES),
        quarantine_record(held(), NAMES),
    )
    scene.store(records)
    scene.commit_all()
    queries.mark_replayed(scene.engine, queries.quarantined(scene.engine), AT)
    Pruner(scene.engine, timedelta(days=1), lambda: AT + timedelta(days=2)).prune(Event())

    told = summary(scene.audit(), {}, SpoolContents())

    assert told["is_balanced"]
    assert (told["pruned"], told["balanced"], told["not_checkable"]) == (3, 0, 0)
    assert told["rows"] == dict.fromkeys(told["rows"], 0)


def test_news_under_a_removed_id_must_be_in_the_books(scene: Scene) -> None:
    """Other bytes that came after the removal: missing until they are kept as a conflict."""
    scene.store(scene.publish(event_record(event(1), NAMES)))
    Pruner(scene.engine, timedelta(days=1), lambda: AT + timedelta(days=2)).prune(Event())
    late = msgspec.structs.replace(event(1, b'{"n":9}'), received_at=AT + timedelta(days=3))
    news = scene.publish(event_record(late, NAMES))
    scene.commit_all()

    before = summary(scene.audit(), {}, SpoolContents())
    scene.store(news)
    after = summary(scene.audit(), {}, SpoolContents())

    assert before["differing"] == {"missing": 1}
    assert (after["is_balanced"], after["pruned"], after["balanced"]) == (True, 1, 1)
