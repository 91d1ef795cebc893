"""Start in order, wait for a signal, stop in reverse order within a deadline."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Protocol

import structlog

from bus.runtime.memory import spare_collector

log = structlog.get_logger()

# Kubernetes and Docker compose kill 30 and 10 s after SIGTERM; a drain must fit in the former.
STOP_DEADLINE_S = 20.0
# Bodies may nest 1,000 levels; Python's default limit of 1,000 counts our own frames too.
RECURSION_LIMIT = 4000


class Part(Protocol):
    """Something a process runs: a server, a worker thread, a broker."""

    name: str

    async def start(self) -> None:
        """Return once it runs; raise where it cannot."""
        ...

    async def stop(self) -> None:
        """Finish what was taken on, then stop. Called only after a start that returned."""
        ...


class Lifecycle:
    """One process' life, from its first part's start to its exit status."""

    def __init__(self, stop_deadline_s: float = STOP_DEADLINE_S) -> None:
        self._stop_deadline_s = stop_deadline_s
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._exit_status = 0

    @property
    def is_stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self._stopping.is_set()

    def fail(self, reason: str) -> None:
        """Stop everything and exit 1. Safe from any thread."""
        self._loop.call_soon_threadsafe(self._fail, reason)

    def _fail(self, reason: str) -> None:
        log.error("process_failed", reason=reason)
        self._exit_status = 1
        self._stopping.set()

    def stop(self) -> None:
        """Ask for an orderly stop. Safe from any thread."""
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def run(self, parts: Sequence[Part]) -> int:
        """
        Run the parts until SIGTERM, Ctrl-C or a failure; return the exit status.

        Whatever was started is stopped, also where a later part cannot start.
        """
        sys.setrecursionlimit(max(RECURSION_LIMIT, sys.getrecursionlimit()))
        with self._signals():
            started: list[Part] = []
            try:
                for part in parts:
                    await part.start()
                    started.append(part)
                spare_collector()
                await self._stopping.wait()
            finally:
                await self._stop_all(started)
        return self._exit_status

    async def _stop_all(self, started: list[Part]) -> None:
        ends_at = self._loop.time() + self._stop_deadline_s
        for part in reversed(started):
            try:
                async with asyncio.timeout_at(ends_at):
                    await part.stop()
            except TimeoutError:
                log.error(  # noqa: TRY400 - the deadline is the news, no traceback
                    "part_did_not_stop", part=part.name, deadline_s=self._stop_deadline_s
                )
                self._exit_status = 1
            except Exception:
                log.exception("part_failed_to_stop", part=part.name)
                self._exit_status = 1

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            self._loop.add_signal_handler(number, self._stopping.set)
        try:
            yield
        finally:
            for number in numbers:
                self._loop.remove_signal_handler(number)
