"""Draining: every entry once, none before the other's turn for ever, gently."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.blobs import BlobStoreError
from bus.errors import (
    PublishTimeoutError,
    QueueFullError,
    RecordRefusedError,
    TopicMissingError,
)
from bus.records import Position, Record
from ingest.spool import drainer as drainer_module
from ingest.spool.circuit import Circuit
from ingest.spool.drainer import Drainer
from ingest.spool.frames import Entry
from ingest.spool.pace import BUSY_BATCH, MAX_WINDOW, Pace, Traffic
from ingest.spool.queue import DrainQueue
from ingest.spool.releases import ByAcknowledgement
from ingest.spool.spool import Ref
from tests.support.spooling import MemorySpool, ToldPublisher, record


class ScriptedPublisher(ToldPublisher):
    """Answers each record as the script says, by its event id and try; else acknowledges."""

    def __init__(self, script: dict[str, list[Exception]]) -> None:
        super().__init__()
        self.script = script
        self.acknowledged: list[str] = []

    async def publish(self, record: Record) -> Position:
        self.sent.append(record)
        name = (record.key or b"").decode()
        await asyncio.sleep(0)
        if self.script.get(name):
            raise self.script[name].pop(0)
        self.acknowledged.append(name)
        return Position(record.topic, 0, 1)


async def as_it_is(entry: Entry) -> Record:
    return entry.record


@pytest.fixture
async def drain() -> AsyncIterator[Callable[..., Any]]:
    running: list[Drainer] = []

    async def start(
        publisher: Any, count: int, prepare: Any = as_it_is, traffic: Traffic | None = None
    ) -> Any:
        spool: Any = MemorySpool()
        for number in range(1, count + 1):
            await spool.append(record(number), f"e{number}", "sha")
        circuit = Circuit(publisher.healthy)
        releases = ByAcknowledgement(spool.release)
        drainer = Drainer(
            spool, publisher, circuit, releases, prepare, deadline_s=1.0, traffic=traffic
        )
        drainer.add(list(spool.entries))
        drainer.start()
        running.append(drainer)
        return spool

    yield start
    for drainer in running:
        await drainer.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for is state, not an event
            await asyncio.sleep(0.001)


async def test_all_are_published_and_released(drain: Callable[..., Any]) -> None:
    publisher = ScriptedPublisher({})

    spool = await drain(publisher, 300)
    await until(lambda: len(spool.released) == 300)

    assert sorted(publisher.acknowledged) == sorted(f"R{n}" for n in range(1, 301))


async def test_beside_live_traffic_it_takes_a_few_at_a_time_and_never_none(
    drain: Callable[..., Any],
) -> None:
    """Deliveries without a pause leave it its share; it leaves them the loop in between."""
    traffic = Traffic()
    at_once: list[int] = []
    publisher = ScriptedPublisher({})

    async def deliver_without_end() -> None:
        sent_before = 0
        while True:
            traffic.deliveries += 1
            at_once.append(len(publisher.sent) - sent_before)
            sent_before = len(publisher.sent)
            await asyncio.sleep(0)

    live = asyncio.create_task(deliver_without_end())
    spool = await drain(publisher, 200, traffic=traffic)
    await until(lambda: len(spool.released) == 200)
    live.cancel()

    assert max(at_once) <= BUSY_BATCH
    assert len([count for count in at_once if count]) >= 200 / BUSY_BATCH


async def test_one_that_is_refused_is_set_aside_and_heads_no_queue(
    drain: Callable[..., Any],
) -> None:
    publisher = ScriptedPublisher({"R1": [RecordRefusedError("too large")]})

    spool = await drain(publisher, 3)
    await until(lambda: len(spool.released) == 2)

    assert spool.refusals == {Ref(1): "too large"}
    assert [r.key for r in publisher.sent].count(b"R1") == 1


async def test_a_missing_topic_holds_up_nobody_else(drain: Callable[..., Any]) -> None:
    publisher = ScriptedPublisher({"R1": [TopicMissingError("no such topic")] * 100})

    spool = await drain(publisher, 5)
    await until(lambda: len(spool.released) == 4)

    assert [r.key for r in publisher.sent].count(b"R1") == 1
    assert spool.refusals == {}


async def test_a_topic_that_seems_missing_while_kafka_is_away_is_tried_again_soon(
    drain: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten seconds more would be what the sender's result waits for after every outage."""
    monkeypatch.setattr(drainer_module, "RETRY_WHILE_AWAY_S", 0.001)
    publisher = ScriptedPublisher({"R1": [TopicMissingError("not told of")]})
    publisher.why = "away"

    spool = await drain(publisher, 3)
    await until(lambda: len(spool.released) == 3)

    assert sorted(publisher.acknowledged) == ["R1", "R2", "R3"]
    assert [r.key for r in publisher.sent].count(b"R1") == 2


async def test_a_blob_store_that_is_away_delays_only_its_entries(
    drain: Callable[..., Any],
) -> None:
    async def prepare(entry: Entry) -> Record:
        if entry.id == 1:
            raise BlobStoreError("away")
        return entry.record

    spool = await drain(ScriptedPublisher({}), 3, prepare)
    await until(lambda: len(spool.released) == 2)

    assert list(spool.entries) == [Ref(1)]


async def test_while_kafka_fails_only_one_is_tried_at_a_time(drain: Callable[..., Any]) -> None:
    """Then all of them, in the order of their age."""
    publisher = ScriptedPublisher({"R1": [PublishTimeoutError("no answer")] * 2})

    spool = await drain(publisher, 10)
    await until(lambda: len(spool.released) == 10)

    assert [r.key for r in publisher.sent[:3]] == [b"R1", b"R1", b"R1"]


async def test_a_full_publisher_is_no_failure(drain: Callable[..., Any]) -> None:
    publisher = ScriptedPublisher({"R1": [QueueFullError("full")] * 3})

    spool = await drain(publisher, 2)
    await until(lambda: len(spool.released) == 2)

    assert spool.refusals == {}


async def test_what_was_released_meanwhile_is_not_published(drain: Callable[..., Any]) -> None:
    publisher = ToldPublisher()
    spool = await drain(publisher, 1)
    spool.release(Ref(1))

    await asyncio.sleep(0.01)

    assert publisher.sent == []


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 2)), max_size=60), st.integers(1, 9))
def test_the_queue_gives_each_entry_once_and_the_oldest_first(
    added: list[tuple[int, int]], limit: int
) -> None:
    queue = DrainQueue(lambda: 0.0)
    refs = [Ref(entry_id, journal) for entry_id, journal in added]
    queue.add(refs)

    taken: list[Ref] = []
    while batch := queue.take(limit):
        assert len({ref.journal for ref in batch}) == 1
        taken += batch

    assert taken == sorted(set(refs))


def test_a_delayed_entry_is_due_when_its_time_has_come() -> None:
    now = [0.0]
    queue = DrainQueue(lambda: now[0])
    queue.add([Ref(1)], delay_s=10)
    queue.add([Ref(2)])

    assert queue.take(5) == [Ref(2)]
    assert queue.wait_s(60) == 10
    now[0] = 10.0
    assert queue.take(5) == [Ref(1)]


def test_the_window_grows_with_success_and_falls_back_to_one_probe() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0], Traffic())
    assert pace.window == 1
    for _ in range(20):
        pace.succeeded()
    assert pace.window == MAX_WINDOW

    pace.failed()

    assert pace.window == 1
    assert 0 < pace.wait_s() <= 5


def test_another_kafka_is_not_made_to_wait_for_the_failures_of_the_last() -> None:
    pace = Pace(lambda: 0.0, Traffic())
    for _ in range(20):
        pace.failed()
    assert pace.wait_s() > 1

    pace.begin_anew()

    assert pace.wait_s() == 0
    pace.failed()
    assert pace.wait_s() < 1


def test_live_deliveries_are_seen_once() -> None:
    traffic = Traffic()
    pace = Pace(lambda: 0.0, traffic)
    traffic.deliveries += 1

    assert [pace.is_busy(), pace.is_busy()] == [True, False]
