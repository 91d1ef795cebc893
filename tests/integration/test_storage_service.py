"""The storage service as a part, on the bus in memory and an SQLite file."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bus.memory import MemoryBus
from bus.records import Record, event_record, quarantine_record
from bus.runtime.health import Health
from bus.runtime.settings import Settings
from consumers.database import check, open_engine, upgrade
from consumers.storage import queries
from consumers.storage.service import StorageService
from schemas.event import Outcome
from schemas.topics import TopicNames
from tests.support.storage import a_held_delivery, an_event

TOPICS = TopicNames()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a data directory of the test's own."""
    return Settings(data_dir=tmp_path)


@pytest.fixture
def bus() -> MemoryBus:
    """A bus with every topic."""
    return MemoryBus(TOPICS.all)


@asynccontextmanager
async def running(settings: Settings, bus: MemoryBus) -> AsyncIterator[Health]:
    """Run one instance of the service."""
    health, failures = Health(), list[str]()
    service = StorageService(settings, bus, health, failures.append)
    await service.start()
    try:
        yield health
    finally:
        await service.stop()
    assert failures == []


async def _until(is_so: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - it happens in other threads and in a database
            await asyncio.sleep(0.02)


async def _publish(bus: MemoryBus, *records: Record) -> None:
    publisher = bus.publisher("test")
    for record in records:
        await publisher.publish(record)


def _totals(settings: Settings) -> dict[str, int]:
    engine = open_engine(settings.database_url)
    try:
        return queries.totals(engine)
    finally:
        engine.dispose()


async def test_what_is_on_the_topics_is_in_the_tables(settings: Settings, bus: MemoryBus) -> None:
    """A record that cannot be read is parked, and its dead letter is kept as well."""
    upgrade(settings.database_url)
    unreadable = Record(TOPICS.of("failed"), b"k", b"no event")
    events = [an_event("R1"), an_event("R2", Outcome.FAILED), an_event("R2", Outcome.FAILED)]
    records = [event_record(event, TOPICS) for event in events]

    async with running(settings, bus) as health:
        await _publish(bus, *records, quarantine_record(a_held_delivery(), TOPICS), unreadable)
        await _until(
            lambda: (
                _totals(settings)
                == {"events": 2, "conflicts": 0, "quarantine": 1, "dead_letters": 1}
            )
        )
        await _until(lambda: health.report()[0])

    engine = open_engine(settings.database_url)
    [dead] = queries.dead_letters(engine)
    engine.dispose()
    assert (dead.reason, dead.topic) == ("undecodable", "inference.failed")


async def test_a_restart_changes_nothing(settings: Settings, bus: MemoryBus) -> None:
    """Repeats before and after it are one row; what came meanwhile is read."""
    upgrade(settings.database_url)
    records = [event_record(an_event(f"R{n}"), TOPICS) for n in range(20)]
    async with running(settings, bus):
        await _publish(bus, *records)
        await _until(lambda: _totals(settings)["events"] == 20)
    await _publish(bus, *records, event_record(an_event("last"), TOPICS))

    async with running(settings, bus):
        await _until(lambda: _totals(settings)["events"] == 21)

    assert _totals(settings)["conflicts"] == 0


async def test_storage_waits_for_its_tables_and_makes_none(
    settings: Settings, bus: MemoryBus
) -> None:
    """Health says what to run, before any record comes; once it was run, all is stored."""
    async with running(settings, bus) as health:
        is_ready, checks = health.report()
        await _publish(bus, event_record(an_event(), TOPICS))
        assert check(settings.database_url) != []
        upgrade(settings.database_url)
        await _until(lambda: _totals(settings)["events"] == 1)
        await _until(lambda: health.report()[0])

    assert not is_ready
    assert "`inferbus db upgrade`" in str(checks["storage_database"]["reason"])
