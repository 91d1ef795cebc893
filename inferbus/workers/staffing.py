"""Keeping one worker's seat filled."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from bus.runtime import metrics
from bus.runtime.families import unpacked
from inferbus.workers.books import Books
from inferbus.workers.child import Child
from inferbus.workers.errors import WorkerFailedError
from inferbus.workers.roster import Report, Seat, ended_by

log = structlog.get_logger()

# A worker that says nothing for so long will not come back by itself.
STUCK_AFTER_S = 60.0

Start = Callable[[int], Awaitable[Child]]


class Staffing:
    """Starts the process of one seat, listens to it, and starts another when it has ended."""

    def __init__(self, seat: Seat, start: Start, books: Books, clock: Callable[[], float]) -> None:
        self.seat = seat
        self.last_status = 0
        """How the last process ended."""
        self.first_start: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once a process has started; `WorkerFailedError` where none can."""
        self._start = start
        self._books = books
        self._clock = clock
        self._child: Child | None = None
        self._failure: WorkerFailedError | None = None
        self._counted = asyncio.Event()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Keep the seat filled until told to stop, or until nobody can start there."""
        while not self._stopping.is_set():
            again_at = await self._one_life()
            if self._is_lost():
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, again_at - self._clock())):
                    await self._stopping.wait()

    def stop(self) -> None:
        """Tell the process to leave; none follows."""
        self._stopping.set()
        if self._child is not None:
            self._child.channel.tell({"stop": True})

    def kill(self) -> None:
        """End the process at once."""
        if self._child is not None:
            self._child.kill()

    async def count(self) -> None:
        """Return once the process has put its counters into the books, or has ended."""
        if self._child is not None:
            self._counted.clear()
            self._child.channel.tell({"metrics": True})
            await self._counted.wait()

    async def _one_life(self) -> float:
        """Run one process to its end; return the time for the next one."""
        try:
            child = await self._start(self.seat.number)
        except OSError as error:
            self._failure = WorkerFailedError(f"cannot start a worker: {error}", 1)
            return self.seat.ended(1, self._clock())
        self._child = child
        self.seat.started(child.pid)
        if self._stopping.is_set():
            self.stop()
        try:
            await self._listen(child)
            self.last_status = await child.status()
        finally:
            self._child = None
            self._close_books(child)
        return self.seat.ended(self.last_status, self._clock())

    async def _listen(self, child: Child) -> None:
        try:
            while True:
                async with asyncio.timeout(STUCK_AFTER_S):
                    message = await child.channel.hear()
                if message is None:
                    return
                self._take(message)
        except TimeoutError:
            log.error("worker_stuck", worker=self.seat.number, pid=child.pid)  # noqa: TRY400 - no traceback of ours
            child.kill()

    def _take(self, message: dict[str, Any]) -> None:
        if "checks" in message:
            report = Report(message["is_ready"], message["checks"])
            self.seat.reported(report, self._clock())
            if not self.first_start.done():
                self.first_start.set_result(None)
        elif "metrics" in message:
            self._books.told(self.seat.number, unpacked(message["metrics"]))
            self._counted.set()
        elif "failed" in message:
            self._failure = WorkerFailedError(message["failed"], message["status"])

    def _close_books(self, child: Child) -> None:
        cut = self._books.ended(self.seat.number, child.cells)
        self._counted.set()
        child.kill()
        child.close()
        if self._stopping.is_set():
            return
        metrics.WORKERS_ENDED.labels(ended_by(self.last_status)).inc()
        log.warning(
            "worker_ended",
            worker=self.seat.number,
            pid=child.pid,
            by=ended_by(self.last_status),
            status=self.last_status,
            reason=str(self._failure) if self._failure else None,
            deliveries_cut=cut,
        )

    def _is_lost(self) -> bool:
        """Tell whether no process can start here, and tell whoever waits for the first one."""
        failure, self._failure = self._failure, None
        if self.seat.has_started or self._stopping.is_set():
            return False
        if failure is None and self.seat.is_hopeless:
            failure = WorkerFailedError(f"worker {self.seat.number}: {self.seat.why_not}", 1)
        if failure is not None:
            self.first_start.set_exception(failure)
        return failure is not None
