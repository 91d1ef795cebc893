"""Storage and alerting running in this process, for tests of what they do with a database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Table, func, select
from sqlalchemy.exc import OperationalError

from bus.protocols import Bus
from bus.records import event_record
from bus.runtime.health import Health
from bus.runtime.settings import Settings
from bus.runtime.settings_sections import KafkaSettings, StorageSettings, TopicSettings
from consumers.alerting.service import AlertingService
from consumers.alerting.tables import ALERT_SEEN
from consumers.database import open_engine, reading
from consumers.storage import queries
from consumers.storage.service import StorageService
from schemas.event import InferenceEvent, Outcome
from schemas.topics import TopicNames
from tests.support.storage import an_event

PATIENCE_S = 40.0


@dataclass
class Consuming:
    """A bus, a database, and what the services on them say of themselves."""

    bus: Bus
    settings: Settings
    health: Health = field(default_factory=Health)
    failures: list[str] = field(default_factory=list)

    @property
    def topics(self) -> TopicNames:
        """The topics in use."""
        return TopicNames(self.settings.topics.prefix)

    async def publish(self, *request_ids: str) -> None:
        """Publish one event each: every third one failed, so that alerting has work."""
        publisher = self.bus.publisher("test")
        for number, request_id in enumerate(request_ids):
            await publisher.publish(event_record(event_of(number, request_id), self.topics))
        await asyncio.to_thread(publisher.close)

    def reasons(self) -> str:
        """Return all that is wrong, in one text."""
        return str(self.health.report()[1])

    def counted(self) -> dict[str, int]:
        """Return how many events are stored, seen by alerting, and parked; {} while it is away."""
        engine = open_engine(self.settings.database_url)
        try:
            return {**queries.totals(engine), "seen": _rows(engine, ALERT_SEEN)}
        except OperationalError:
            return {}
        finally:
            engine.dispose()


def event_of(number: int, request_id: str) -> InferenceEvent:
    """Return the event that `publish` makes."""
    return an_event(request_id, Outcome.FAILED if number % 3 == 0 else Outcome.SUCCEEDED)


def settings_for(data_dir: Path, url: str, prefix: str = "inference") -> Settings:
    """Return settings with topics and groups of that prefix."""
    return Settings(
        data_dir=data_dir,
        storage=StorageSettings(url=SecretStr(url)),
        topics=TopicSettings(prefix=prefix, partitions=3, replication_factor=1),
        kafka=KafkaSettings(group_prefix=prefix),
    )


@asynccontextmanager
async def consuming(bus: Bus, settings: Settings) -> AsyncIterator[Consuming]:
    """Run one storage and one alerting; neither may have died by the end."""
    run = Consuming(bus, settings)
    parts = [
        kind(settings, bus, run.health, run.failures.append)
        for kind in (StorageService, AlertingService)
    ]
    for part in parts:
        await part.start()
    try:
        yield run
    finally:
        for part in parts:
            await part.stop()
    assert run.failures == []


async def until(is_so: Callable[[], Any], what: Callable[[], object] = lambda: "") -> None:
    """Wait for something that happens in other threads; `what` tells where it stands if not."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await asyncio.to_thread(is_so):  # noqa: ASYNC110 - nobody would tell us
                await asyncio.sleep(0.02)
    except TimeoutError as error:
        raise AssertionError(f"gave up waiting: {what()}") from error


def _rows(engine: Any, table: Table) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()
