"""Between an event loop and the publisher's thread: many records, many outcomes, one wake-up."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from bus.errors import PublishError
from bus.kafka.outbox import Outcome
from bus.records import Position
from bus.turns import OncePerTurn

Waiter = asyncio.Future[Position]


class LoopBridge:
    """
    One event loop's side of the publisher. Waking a loop costs more than an outcome does.

    `turn` wakes the publisher once for all that a turn of the loop hands over.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, wake_publisher: Callable[[], None]) -> None:
        self._loop = loop
        self.turn = OncePerTurn(wake_publisher)
        # Appending and popping are atomic: no lock, which would cost as much as they do.
        self._outcomes: deque[tuple[Waiter, Outcome]] = deque()
        self._is_waking = False

    def deliver(self, waiter: Waiter, outcome: Outcome) -> None:
        """Resolve the future on its loop, soon. From any thread."""
        self.post(waiter, outcome)
        self.wake()

    def post(self, waiter: Waiter, outcome: Outcome) -> None:
        """Keep the outcome for the next `wake`. From any thread."""
        self._outcomes.append((waiter, outcome))

    def wake(self) -> None:
        """Resolve on the loop, soon, all that was posted. From any thread."""
        if not self._outcomes or self._is_waking:
            return
        self._is_waking = True  # two threads may both get here: the loop is woken once too often
        # A loop that is closed by now has nobody who waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._resolve_all)

    def _resolve_all(self) -> None:
        # First of all: what is posted from here on has its own wake-up, or is resolved now.
        self._is_waking = False
        outcomes = self._outcomes
        while outcomes:
            waiter, outcome = outcomes.popleft()
            if waiter.done():  # its caller was cancelled
                continue
            if isinstance(outcome, PublishError):
                waiter.set_exception(outcome)
            else:
                waiter.set_result(outcome)
