"""The consumer that storage is measured beside does the same work, and no less safely."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchmarks.databases import with_repeats
from benchmarks.executemany import COLUMNS, Row, opened, sqlite_connection
from benchmarks.servers.handwritten import row, work
from benchmarks.servers.pace import Pace
from bus.records import Position, event_record
from consumers.database import upgrade
from consumers.storage.sinks.base import Arrived
from consumers.storage.sinks.bulk_sqlite import DRIVER
from consumers.storage.sinks.bulk_values import STORED_AT, driver_values
from consumers.storage.tables import EVENTS
from schemas.event import EventError, InferenceEvent, Outcome
from schemas.topics import TopicNames
from tests.support.storage import an_event, an_offloaded_event

TOPICS = TopicNames("t")
FULL: dict[str, Any] = {
    "model": "a/b",
    "labels": {"team": "búsqueda"},
    "job": "nightly",
    "runtime_ms": 412,
    "cost_usd": Decimal("0.0001140000022132881"),
    "tokens_input": 17,
    "tokens_output": 42,
    "output_kind": "text",
    "inner_status": "ok",
}


class Polled:
    """A record as kafka-python hands it over."""

    def __init__(self, event: InferenceEvent, offset: int = 7) -> None:
        record = event_record(event, TOPICS)
        self.topic, self.partition, self.offset = record.topic, 3, offset
        self.value = record.value


class Consumer:
    """Hands over these batches, with nothing in between, and looks at the table at each commit."""

    def __init__(self, look: Callable[[], int], *batches: list[Polled]) -> None:
        self.stored_at_commits: list[int] = []
        self._look = look
        self._polls = iter([each for batch in batches for each in ({}, {"t-0": batch})])

    def poll(self, timeout_ms: int) -> dict[str, list[Polled]]:
        assert timeout_ms >= 1000, "kafka-python stalls with shorter ones"
        return next(self._polls)

    def commit(self) -> None:
        self.stored_at_commits.append(self._look())


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path / 'written.db'}"
    upgrade(made)
    return made


def stored(url: str) -> list[Row]:
    with closing(sqlite_connection(url)) as connection:
        return connection.execute(f"SELECT {', '.join(COLUMNS)} FROM events").fetchall()  # noqa: S608 - names of our own


def test_rows_have_the_columns_of_the_table() -> None:
    assert list(COLUMNS) == [column.name for column in EVENTS.columns]


@pytest.mark.parametrize(
    "event",
    [
        an_event(**FULL),
        an_event(outcome=Outcome.FAILED, error=EventError("timeout", "took too long")),
        an_event("R2", body=b'{"a": 1.50, "b": "\xc3\xa9"}'),
        an_offloaded_event(),
    ],
    ids=["full", "failed", "bare", "offloaded"],
)
def test_a_row_says_what_storage_would_store(event: InferenceEvent) -> None:
    polled = Polled(event)
    position = Position(polled.topic, polled.partition, polled.offset)
    ours = driver_values(Arrived(event, position), DRIVER)
    ours[STORED_AT] = "now"

    assert row(polled, "now") == tuple(ours)


def test_offsets_are_committed_once_a_batch_and_after_its_rows(url: str) -> None:
    first = [Polled(an_event("R1"), 1), Polled(an_event("R2"), 2)]
    second = [Polled(an_event("R1"), 3), Polled(an_event("R3"), 4)]
    consumer = Consumer(lambda: len(stored(url)), first, second)

    with opened(url) as write:
        pace = work(consumer, write, 4)

    assert consumer.stored_at_commits == [2, 3]
    assert pace.seen == 4
    assert {(each[0], each[-1]) for each in stored(url)} == {
        ("deepinfra:R1:succeeded", 1),
        ("deepinfra:R2:succeeded", 2),
        ("deepinfra:R3:succeeded", 4),
    }


def test_a_batch_that_cannot_be_stored_is_not_committed(url: str) -> None:
    with closing(sqlite_connection(url)) as connection, connection:
        connection.execute("DROP TABLE events")
    consumer = Consumer(lambda: 0, [Polled(an_event())])

    with opened(url) as write, pytest.raises(sqlite3.OperationalError):
        work(consumer, write, 1)

    assert consumer.stored_at_commits == []


def test_the_first_batch_starts_the_clock_and_is_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([10.0, 12.0])
    monkeypatch.setattr("benchmarks.servers.pace.perf_counter", lambda: next(times))
    spent = iter([1.0, 1.5])
    monkeypatch.setattr("benchmarks.servers.pace.process_time", lambda: next(spent))
    pace = Pace()

    for records in (0, 500, 1000, 0):
        pace.add(records)

    assert pace.told() == '{"per_second": 500.0, "cpu_us": 500.0}'


def test_repeats_come_where_the_backlog_has_them() -> None:
    assert with_repeats([(n,) for n in range(9)]) == [*((n,) for n in range(9)), (0,)]
