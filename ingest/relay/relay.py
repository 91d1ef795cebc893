"""The relay as the ingress sees it: what it is handed, what comes of that, its process' life."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog

from bus.backoff import Backoff, BackoffPolicy
from bus.records import Record
from bus.runtime.metrics import PUBLISH_ERRORS, PUBLISH_SECONDS, observe_all
from ingest.relay.handed import HandedOver
from ingest.relay.link import Link, RelayProcess
from ingest.relay.messages import Batch, Failure, Report

log = structlog.get_logger()

_RESTART = BackoffPolicy(0.2, 10.0)
_TICK_S = 1.0
# It reports four times a second. Counted in ticks of our own loop, not on the clock: who was
# stopped for a minute has not listened for a minute.
_SILENT_TICKS = 10
_STARTING_TICKS = 30
_END_S = 2.0
_SETTLE_EVERY_S = 0.01
# Nobody waits for it, so records go over by the hundred: with 32 senders the relay's process takes
# 44 µs for one instead of 85, and Kafka as many fewer requests.
_GATHER_S = 0.03

StartRelay = Callable[[], Awaitable[RelayProcess]]


class Outcomes(Protocol):
    """Is told what became of entries, by their ids."""

    def relayed(self, entry_ids: Sequence[int]) -> None:
        """Kafka has acknowledged them."""
        ...

    def relay_refused(self, entry_id: int, reason: str) -> None:
        """Kafka refuses it for good."""
        ...

    def not_relayed(self, entry_ids: Sequence[int]) -> None:
        """Whether they were written is not known: somebody else has to publish them."""
        ...


class Relay:
    """
    Has a process of its own publish records whose entries are durable.

    So publishing never holds the lock of the interpreter that answers senders, and costs it
    3 µs a record instead of some 70. It may die at any moment: each entry it has not answered
    for is given back. Used from one event loop, the main thread's.
    """

    def __init__(
        self,
        start: StartRelay,
        outcomes: Outcomes,
        clock: Callable[[], float] = time.monotonic,
        *,
        gather_s: float = _GATHER_S,
        tick_s: float = _TICK_S,
        restart: BackoffPolicy = _RESTART,
    ) -> None:
        self._start = start
        self._outcomes = outcomes
        self._clock = clock
        self._tick_s = tick_s
        self._handed = HandedOver()
        self._batch: Batch = []
        self._gather_s = gather_s
        self._sending: asyncio.TimerHandle | None = None
        self._link: Link | None = None
        self._backoff = Backoff(restart)
        self._is_stopping = False
        self._running: asyncio.Task[None] | None = None
        self._hears = False
        self.kafka_problem: str | None = None
        """Why its process gets nothing through to Kafka, as far as it has said so."""

    def may_publish(self) -> bool:
        """Tell whether a record should be handed over now; one Kafka does not get is counted."""
        if self._handed.is_full:
            PUBLISH_ERRORS.labels("queue-full").inc()
            return False
        if self.kafka_problem is not None:
            PUBLISH_ERRORS.labels("away").inc()
            return False
        return self._hears

    def unanswered_s(self) -> float:
        """Return for how many seconds the oldest record has no outcome, 0 where all have."""
        oldest_at = self._handed.oldest_at
        return 0.0 if oldest_at is None else self._clock() - oldest_at

    def publish(self, entry_id: int, record: Record) -> None:
        """Hand over the record of an entry that is on disk."""
        self._handed.add(entry_id, record, self._clock())
        self._batch.append((entry_id, record))
        if self._sending is None:
            loop = asyncio.get_running_loop()
            self._sending = loop.call_later(self._gather_s, self._send)

    def start(self) -> None:
        """Begin; returns at once."""
        self._running = asyncio.create_task(self._run())

    async def stop(self, patience_s: float) -> None:
        """Wait for what was handed over, then end the process; what is left is given back."""
        self._is_stopping = True
        ends_at = self._clock() + patience_s
        while self._handed and self._link is not None and self._clock() < ends_at:  # noqa: ASYNC110
            await asyncio.sleep(_SETTLE_EVERY_S)  # only at a stop
        if self._running is None:
            return
        if self._link is None:  # it is about to start a process, or waits before the next one
            self._running.cancel()
        else:
            self._link.close()
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(self._running, 2 * _END_S)

    async def _run(self) -> None:
        while not self._is_stopping:
            try:
                await self._accompany(await self._start())
            except OSError as error:
                log.warning("relay_not_started", reason=str(error))
            except Exception:  # whatever it was, the next one may do better
                log.exception("relay_failed")
            if not self._is_stopping:
                await asyncio.sleep(self._backoff.failed(0.0))

    async def _accompany(self, process: RelayProcess) -> None:
        """Talk with the process until it has ended."""
        try:
            self._link = link = Link(self._heard)
            await process.connect(link)
            await self._until_gone(link)
        finally:
            self._give_back()
            status = await _ended(process)
            if not self._is_stopping:
                log.warning("relay_ended", status=status)

    async def _until_gone(self, link: Link) -> None:
        """Return once the process has gone, or is silent for so long that it must go."""
        silent_ticks, heard = 0, 0
        while silent_ticks < (_SILENT_TICKS if heard else _STARTING_TICKS):
            await asyncio.wait({link.gone}, timeout=self._tick_s)
            if link.gone.done():
                return
            silent_ticks = silent_ticks + 1 if link.reports == heard else 0
            heard = link.reports
        log.error("relay_stuck", entries=len(self._handed))

    def _send(self) -> None:
        self._sending = None
        batch, self._batch = self._batch, []
        if self._link is not None and batch:
            self._link.send(batch)

    def _heard(self, report: Report) -> None:
        self._backoff.succeeded()
        self._hears, self.kafka_problem = True, report.problem
        if report.acknowledged:
            self._acknowledged(report.acknowledged)
        if report.refused:
            self._count(report.refused)
            for entry_id, failure in report.refused.items():
                self._outcomes.relay_refused(entry_id, failure.reason)
        if report.failed:
            self._count(report.failed)
            self._outcomes.not_relayed(list(report.failed))

    def _acknowledged(self, entry_ids: Sequence[int]) -> None:
        for topic, seconds in self._handed.answered(entry_ids, self._clock()).items():
            observe_all(PUBLISH_SECONDS.labels(topic), seconds)
        self._outcomes.relayed(entry_ids)

    def _count(self, failures: Mapping[int, Failure]) -> None:
        self._handed.answered(failures, self._clock())
        for failure in failures.values():
            PUBLISH_ERRORS.labels(failure.word).inc()

    def _give_back(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
        self._hears, self.kafka_problem = False, None
        self._batch = []
        if left := self._handed.take_all():
            self._outcomes.not_relayed(left)


async def _ended(process: RelayProcess) -> int:
    """Return the exit status; a process that does not end by itself is killed."""
    try:
        async with asyncio.timeout(_END_S):
            return await process.status()
    except TimeoutError:
        process.kill()
        return await process.status()
