"""Outcomes from the client's thread into an event loop, many with one wake-up."""

import asyncio
import contextlib
import threading

from bus.errors import PublishError
from bus.kafka.outbox import Outcome
from bus.records import Position

Waiter = asyncio.Future[Position]


class LoopBridge:
    """One event loop's side of the publisher. Waking a loop costs more than an outcome does."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._outcomes: list[tuple[Waiter, Outcome]] = []

    def deliver(self, waiter: Waiter, outcome: Outcome) -> None:
        """Resolve the future on its loop, soon. From any thread."""
        with self._lock:
            self._outcomes.append((waiter, outcome))
            is_first = len(self._outcomes) == 1
        if is_first:
            # A loop that is closed by now has nobody who waits.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._resolve_all)

    def _resolve_all(self) -> None:
        with self._lock:
            outcomes, self._outcomes = self._outcomes, []
        for waiter, outcome in outcomes:
            if waiter.done():  # its caller was cancelled
                continue
            if isinstance(outcome, PublishError):
                waiter.set_exception(outcome)
            else:
                waiter.set_result(outcome)
