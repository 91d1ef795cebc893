"""The storage service: one worker that writes what Kafka holds to the database."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from threading import Event

import structlog
from sqlalchemy import Engine

from bus.blobs import open_blobs
from bus.protocols import Bus
from bus.runtime.health import Check, Health
from bus.runtime.settings import Settings
from bus.worker import Handled, Worker, WorkerOptions, WorkerPart, telling
from consumers.database import check, open_engine
from consumers.gate import CHECK_EVERY_S, SchemaGate
from consumers.loop import Loop
from consumers.storage.handler import CONSUMER, StorageHandler
from consumers.storage.pruning import PRUNE_EVERY_S, Pruner
from consumers.storage.sinks.sql import SqlSink
from schemas.topics import TopicNames

log = structlog.get_logger()


class StorageService:
    """
    Reads every topic but alerts in a group of its own and stores what they hold.

    Never makes tables: until `inferbus db upgrade` or `up` has, it waits and says so in its
    health.
    """

    name = CONSUMER

    def __init__(
        self,
        settings: Settings,
        bus: Bus,
        health: Health,
        fail: Callable[[str], None],
        *,
        on_handled: Handled | None = None,
    ) -> None:
        self._on_handled = on_handled
        self._settings = settings
        self._bus = bus
        self._health = health
        self._fail = fail
        self._engine: Engine | None = None
        self._gate = SchemaGate(lambda: check(settings.database_url))
        self._waiting: asyncio.Task[None] | None = None
        self._pruning: Loop | None = None
        self.worker: WorkerPart | None = None

    async def start(self) -> None:
        """
        Return once the worker's thread runs; Kafka and the database may still be away.

        Raises `SettingsError` for URLs that cannot be used.
        """
        blobs = open_blobs(self._settings.blobs_url)
        self._engine = open_engine(self._settings.database_url)
        topics = TopicNames(self._settings.topics.prefix)
        handler = StorageHandler(SqlSink(self._engine), topics, blobs, self._gate)
        worker = self._make_worker(handler, topics, _options(handler, self._engine))
        self._health.register(CONSUMER, worker.state)
        self._health.register("storage_database", self._gate.state)
        self._health.register("storage_blobs", handler.blobs)
        problem = await asyncio.to_thread(self._gate.problem)
        if problem is not None:
            log.warning("database_not_ready", reason=problem)
            self._waiting = asyncio.create_task(self._wait_for_tables())
        self._pruning = self._start_pruning(self._engine)
        self.worker = WorkerPart(worker, self._fail)
        await self.worker.start()

    async def stop(self) -> None:
        """Settle the batch in hand, then close."""
        if self._waiting is not None:
            self._waiting.cancel()
        if self.worker is not None:
            await self.worker.stop()
        if self._pruning is not None:
            self._pruning.ask_to_stop()
            await asyncio.to_thread(self._pruning.join)
        if self._engine is not None:
            self._engine.dispose()

    async def _wait_for_tables(self) -> None:
        # The worker asks only when a record comes; health must tell before. A database tells
        # nobody that its tables are there now.
        while await asyncio.to_thread(self._gate.problem) is not None:  # noqa: ASYNC110 - see above
            await asyncio.sleep(CHECK_EVERY_S)
        log.info("database_ready")
        if self._pruning is not None:
            self._pruning.wake()

    def _start_pruning(self, engine: Engine) -> Loop | None:
        days = self._settings.storage.retention_days
        if days is None:
            return None
        pruner = Pruner(engine, timedelta(days=days))

        def prune(stop: Event) -> None:
            if self._gate.problem() is None:
                pruner.prune(stop)

        pruning = Loop("storage_retention", prune, PRUNE_EVERY_S)
        # Old rows do no harm: nobody is to be sent away because they are still there.
        self._health.register(pruning.name, lambda: Check(pruning.state().reason, is_degraded=True))
        pruning.start()
        return pruning

    def _make_worker(
        self, handler: StorageHandler, topics: TopicNames, options: WorkerOptions
    ) -> Worker:
        return Worker(
            CONSUMER,
            self._bus,
            f"{self._settings.kafka.group_prefix}-{CONSUMER}",
            topics.stored,
            telling(handler, CONSUMER, self._on_handled),
            dead_letter_topic=topics.of("deadletter"),
            options=options,
        )


def _options(handler: StorageHandler, engine: Engine) -> WorkerOptions:
    """
    Return options by which the next batch's records are read while one is stored, or not.

    With PostgreSQL the handler waits for the server half of its time: a third more records are
    stored. SQLite works in this process: each record costs an eighth more, and none is gained.
    """
    if engine.dialect.name == "postgresql":
        return WorkerOptions(foresee=handler.foresee)
    return WorkerOptions()
