"""Publishing what the spool holds, under the same event ids, beside live traffic."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable

import structlog

from bus.blobs import BlobStoreError
from bus.errors import (
    BusClosedError,
    BusError,
    PublishTimeoutError,
    QueueFullError,
    RecordRefusedError,
)
from bus.protocols import Publisher
from bus.records import Record
from bus.runtime.metrics import SPOOL_DRAINED
from ingest.spool.circuit import Circuit
from ingest.spool.frames import Entry
from ingest.spool.pace import BUSY_BATCH, BUSY_PAUSE_S, Pace, Traffic
from ingest.spool.queue import DrainQueue
from ingest.spool.releases import Releases
from ingest.spool.spool import Ref, Spool

log = structlog.get_logger()

# An entry that fails by itself (missing topic, missing right, blob store away).
RETRY_AFTER_S = 10.0
# While Kafka is away that may be all that is wrong: it tells us of no topic, either.
RETRY_WHILE_AWAY_S = 2.0
# Bodies in memory on their way from the spool.
MAX_SENDING_BYTES = 32 << 20
_READ_BYTES = 8 << 20
_TICK_S = 0.25

Prepare = Callable[[Entry], Awaitable[Record]]


class Drainer:
    """
    Publishes entries oldest first until none waits; those it was given by `add` and no others.

    An entry is given to it only once its first send has resolved, or was never made; or where
    its sender was told to send again, because the disk was late.
    """

    def __init__(
        self,
        spool: Spool,
        publisher: Publisher,
        circuit: Circuit,
        releases: Releases,
        prepare: Prepare,
        *,
        deadline_s: float,
        traffic: Traffic | None = None,
    ) -> None:
        self._spool = spool
        self._publisher = publisher
        self._circuit = circuit
        self._releases = releases
        self._prepare = prepare
        self._deadline_s = deadline_s
        self._queue = DrainQueue(time.monotonic)
        self._pace = Pace(time.monotonic, traffic or Traffic())
        self._wake = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._sending_bytes = 0
        self._running: asyncio.Task[None] | None = None

    def add(self, refs: Iterable[Ref], delay_s: float = 0.0) -> None:
        """Take entries to publish."""
        self._queue.add(refs, delay_s)
        self._wake.set()

    def begin_anew(self, refs: Iterable[Ref]) -> None:
        """Take entries to publish on another Kafka than before, at once."""
        self._pace.begin_anew()
        self.add(refs)

    @property
    def waiting(self) -> int:
        """How many entries it has yet to publish."""
        return len(self._queue) + len(self._sending)

    def start(self) -> None:
        """Begin."""
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End; what was sent and not acknowledged stays in the spool."""
        tasks = [task for task in (self._running, *self._sending) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._turn()
            except Exception:
                log.exception("spool_drain_failed")
                await asyncio.sleep(_TICK_S)

    async def _turn(self) -> None:
        is_busy = self._pace.is_busy()
        room = self._room()
        refs = self._queue.take(min(room, BUSY_BATCH) if is_busy else room)
        if not refs:
            await self._wait()
            return
        entries = await self._read(refs)
        self._queue.add(refs[len(entries) :])
        for ref, entry in zip(refs, entries, strict=False):
            if entry is not None:
                self._launch(ref, entry)
        await asyncio.sleep(BUSY_PAUSE_S if is_busy else 0)

    def _room(self) -> int:
        if self._pace.wait_s() or not self._releases.has_room():
            return 0
        if self._sending_bytes >= MAX_SENDING_BYTES:
            return 0
        return max(0, self._pace.window - len(self._sending))

    async def _wait(self) -> None:
        """Sleep until something may have become possible."""
        wait_s = self._pace.wait_s() or _TICK_S
        if self._room():
            wait_s = self._queue.wait_s(_TICK_S)
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(wait_s, 0.001)):
                await self._wake.wait()

    async def _read(self, refs: list[Ref]) -> list[Entry | None]:
        try:
            return await self._spool.read(refs, _READ_BYTES)
        except BaseException:
            self._queue.add(refs)
            raise

    def _launch(self, ref: Ref, entry: Entry) -> None:
        task = asyncio.create_task(self._drain(ref, entry))
        self._sending.add(task)
        self._sending_bytes += len(entry.value)
        task.add_done_callback(lambda done: self._landed(done, len(entry.value)))

    def _landed(self, task: asyncio.Task[None], size: int) -> None:
        self._sending.discard(task)
        self._sending_bytes -= size
        self._wake.set()

    async def _drain(self, ref: Ref, entry: Entry) -> None:
        try:
            record = await self._prepare(entry)
            self._releases.sending(ref, record)
            await self._publish(ref, record)
        except (BlobStoreError, BusError) as error:
            log.info("spool_entry_delayed", event_id=entry.event_id, reason=str(error))
            self.add([ref], self._retry_after_s())
        except Exception:
            log.exception("spool_entry_failed", event_id=entry.event_id)
            self.add([ref], self._retry_after_s())

    def _retry_after_s(self) -> float:
        return RETRY_AFTER_S if self._circuit.reason() is None else RETRY_WHILE_AWAY_S

    async def _publish(self, ref: Ref, record: Record) -> None:
        started_at = time.monotonic()
        try:
            await self._publisher.publish(record)
        except RecordRefusedError as error:
            self._set_aside(ref, record, str(error))
        except QueueFullError:
            self.add([ref], BUSY_PAUSE_S)
        except (PublishTimeoutError, BusClosedError):
            self._pace.failed()
            self._circuit.failed()
            self.add([ref])
        else:
            self._acknowledged(ref, time.monotonic() - started_at)

    def _acknowledged(self, ref: Ref, after_s: float) -> None:
        self._pace.succeeded()
        if after_s <= self._deadline_s:
            self._circuit.acknowledged()
        self._releases.acknowledged(ref)
        SPOOL_DRAINED.inc()

    def _set_aside(self, ref: Ref, record: Record, reason: str) -> None:
        log.error("spool_entry_refused", event_id=record.header("ce_id"), reason=reason)
        self._releases.refused(record)
        self._spool.refuse(ref, reason)
