"""The alerting service as a part, on the bus in memory and an SQLite file."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from bus.memory.bus import MemoryBus
from bus.records import event_record
from bus.runtime.health import Health
from bus.runtime.settings import Settings
from consumers.alerting.codec import decode_alert
from consumers.alerting.service import AlertingService
from consumers.alerting.tables import ALERT_COUNTS, ALERTS, NOTIFICATIONS
from consumers.database import open_engine, upgrade
from schemas.event import InferenceEvent
from tests.support.alerting import TOPICS, an_event, rows


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus(TOPICS.all)


@asynccontextmanager
async def running(settings: Settings, bus: MemoryBus) -> AsyncIterator[Health]:
    """Run one instance of the service."""
    health, failures = Health(), list[str]()
    service = AlertingService(settings, bus, health, failures.append)
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


async def _publish(bus: MemoryBus, *events: InferenceEvent) -> None:
    publisher = bus.publisher("test")
    for event in events:
        now = msgspec.structs.replace(event, received_at=datetime.now(UTC))
        await publisher.publish(event_record(now, TOPICS))


def _told(bus: MemoryBus) -> list[str]:
    reader = bus.read([TOPICS.of("alerts")])
    records = reader.poll(0.05)
    reader.close()
    return [decode_alert(record.value or b"").dedup_key for record in records]


def _table(settings: Settings, table: Any) -> list[Any]:
    engine = open_engine(settings.database_url)
    try:
        return rows(engine, table)
    finally:
        engine.dispose()


def _is_sent(settings: Settings) -> bool:
    found = [row for row in _table(settings, NOTIFICATIONS) if row.state == "firing"]
    return bool(found) and all(row.status == "sent" for row in found)


async def test_a_failure_becomes_an_alert_line_and_a_record(
    settings: Settings, bus: MemoryBus
) -> None:
    """One failed job: the log says so, and other programs read it on the topic of alerts."""
    upgrade(settings.database_url)
    with capture_logs() as lines:
        async with running(settings, bus) as health:
            await _publish(bus, an_event("r1"))
            await _until(lambda: _is_sent(settings))
            is_ready, checks = health.report()

    (line,) = [line for line in lines if line["event"] == "alert_raised"]
    assert line["samples"] == ["deepinfra:r1:failed"]
    assert _told(bus) == [line["dedup_key"]]
    assert is_ready, checks


async def test_records_read_again_after_a_restart_change_nothing(
    settings: Settings, bus: MemoryBus
) -> None:
    """Repeats before and after a restart count once and are told once."""
    upgrade(settings.database_url)
    events = [an_event(f"r{n}") for n in range(20)]
    async with running(settings, bus):
        await _publish(bus, *events)
        await _until(lambda: _is_sent(settings))
    async with running(settings, bus):
        await _publish(bus, *events, an_event("last"))
        await _until(lambda: _counted(settings) == 21)

    assert len(_told(bus)) == len(set(_told(bus))) == len(_table(settings, ALERTS))


def _counted(settings: Settings) -> int:
    return sum(row.count for row in _table(settings, ALERT_COUNTS))


async def test_two_instances_share_the_work(settings: Settings, bus: MemoryBus) -> None:
    """Each event is counted once and each alert told once, whoever reads it."""
    upgrade(settings.database_url)
    async with running(settings, bus), running(settings, bus):
        await _publish(bus, *(an_event(f"r{n}", model=f"m{n % 3}") for n in range(60)))
        await _until(lambda: _counted(settings) == 60 and _is_sent(settings))

    assert len(_told(bus)) == len(_table(settings, ALERTS))


async def test_it_waits_for_the_tables(settings: Settings, bus: MemoryBus) -> None:
    """Before `db upgrade` it is unready and says what to do; afterwards it goes on by itself."""
    await _publish(bus, an_event("r1"))
    async with running(settings, bus) as health:
        await _until(lambda: "inferbus db upgrade" in str(health.report()))
        was_ready, _ = health.report()
        upgrade(settings.database_url)
        await _until(lambda: _is_sent(settings))
        await _until(lambda: health.report()[0])

    assert not was_ready


async def test_kafka_may_be_away_at_the_start(settings: Settings, bus: MemoryBus) -> None:
    """It connects when it can, and what failed meanwhile is told then."""
    upgrade(settings.database_url)
    await _publish(bus, an_event("r1"))
    bus.faults.down = "broker is away"
    async with running(settings, bus) as health:
        await _until(lambda: "broker is away" in str(health.report()))
        bus.faults.down = None
        await _until(lambda: _is_sent(settings))
