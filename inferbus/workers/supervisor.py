"""The parent of an ingest with several workers: starts them, replaces them, ends them in order."""

import asyncio
import contextlib
import time
from functools import partial

import structlog
from prometheus_client import REGISTRY, generate_latest

from bus.runtime import metrics
from bus.runtime.families import Told, collected
from bus.runtime.settings import Settings
from inferbus.workers.books import Books
from inferbus.workers.child import Child, Equipment
from inferbus.workers.roster import Roster
from inferbus.workers.staffing import Staffing
from ingest.listening import base_url, close_all, listen
from ingest.spool.share import Sizes

log = structlog.get_logger()

# From the word to stop until whoever has not ended is killed; a process stops in 20 s.
STOP_S = 18.0
_METRICS_PATIENCE_S = 2.0


class WorkersError(Exception):
    """Not all workers ended in order."""


class Workers:
    """
    A part: the worker processes of one ingest, behind sockets that they share.

    They end with this process' main thread, on which the event loop must run. This process
    holds the sockets too: while a worker is replaced, connections wait. `roster` tells how
    the workers are.
    """

    name = "workers"

    def __init__(self, settings: Settings) -> None:
        self.roster = Roster(settings.ingest.workers, time.monotonic)
        self.url = ""
        self._settings = settings
        self._books = Books()
        self._equipment: Equipment | None = None
        self._staffing: list[Staffing] = []
        self._running: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """
        Listen and start all workers; return once each of them has started.

        Raises OSError where the port cannot be had, `WorkerFailedError` where a worker cannot
        start.
        """
        at = self._settings.ingest
        listeners = listen(at.host, at.port)
        self.url = base_url(at.host, listeners)
        self._equipment = Equipment(self._settings, listeners, Sizes.create(at.workers))
        start = partial(Child.start, equipment=self._equipment)
        self._staffing = [
            Staffing(seat, start, self._books, time.monotonic) for seat in self.roster.seats
        ]
        self._running = [asyncio.create_task(each.run()) for each in self._staffing]
        metrics.WORKERS.set_function(lambda: self.roster.serving)
        try:
            await asyncio.gather(*(each.first_start for each in self._staffing))
        except BaseException:
            await self._end(0.0)
            raise
        log.info("workers_started", workers=at.workers, url=self.url)

    async def stop(self) -> None:
        """Have all leave, then finish; raises `WorkersError` where one did not, or not in time."""
        self.roster.is_stopping = True
        await self._end(self._settings.ingest.drain_grace_s)
        bad = [each.seat.number for each in self._staffing if each.last_status != 0]
        if bad:
            raise WorkersError(f"workers {bad} did not stop in order")

    async def metrics(self) -> bytes:
        """Return the metrics of the whole service as a page."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_METRICS_PATIENCE_S):
                await asyncio.gather(*(each.count() for each in self._staffing))
        return generate_latest(Told(self._books.total(collected(REGISTRY))))

    async def _end(self, grace_s: float) -> None:
        for each in self._staffing:
            each.stop()
        ends_at = time.monotonic() + STOP_S
        # For so long the workers go on accepting; then connections are to be refused, not to wait.
        _, running = await asyncio.wait(self._running, timeout=grace_s)
        if self._equipment is not None:
            close_all(self._equipment.listeners)
        if running:
            await asyncio.wait(running, timeout=max(0.0, ends_at - time.monotonic()))
        for each in self._staffing:
            each.kill()
        await asyncio.gather(*self._running)
