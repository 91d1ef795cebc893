"""Between an event loop and the publisher's thread: many records, many outcomes, one wake-up."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

import structlog

from bus.protocols import Outcome, Tell
from bus.turns import OncePerTurn

log = structlog.get_logger()


class LoopBridge:
    """
    One event loop's side of the publisher. Waking a loop costs more than an outcome does.

    `turn` wakes the publisher once for all that a turn of the loop hands over.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, wake_publisher: Callable[[], None]) -> None:
        self._loop = loop
        self.turn = OncePerTurn(wake_publisher)
        # Appending and popping are atomic: no lock, which would cost as much as they do.
        self._outcomes: deque[tuple[Tell, Outcome]] = deque()
        self._is_waking = False

    def deliver(self, settled: Tell, outcome: Outcome) -> None:
        """Call it on the loop, soon. From any thread."""
        self.post(settled, outcome)
        self.wake()

    def post(self, settled: Tell, outcome: Outcome) -> None:
        """Keep the outcome for the next `wake`. From any thread."""
        self._outcomes.append((settled, outcome))

    def wake(self) -> None:
        """Tell on the loop, soon, all that was posted. From any thread."""
        if not self._outcomes or self._is_waking:
            return
        self._is_waking = True  # two threads may both get here: the loop is woken once too often
        # A loop that is closed by now has nobody who waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._tell_all)

    def _tell_all(self) -> None:
        # First of all: what is posted from here on has its own wake-up, or is told now.
        self._is_waking = False
        outcomes = self._outcomes
        while outcomes:
            settled, outcome = outcomes.popleft()
            try:
                settled(outcome)
            except Exception:  # one caller's fault is no other's
                log.exception("outcome_not_taken")
