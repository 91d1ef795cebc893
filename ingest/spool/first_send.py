"""The first send of a delivery's record, followed beyond the delivery's deadline."""

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial

from bus.errors import PublishTimeoutError
from bus.protocols import Outcome, Publisher
from bus.records import Position, Record
from bus.runtime.metrics import PUBLISH_ERRORS
from bus.turns import end_wait
from ingest.deadlines import Deadlines
from ingest.spool.circuit import Circuit

# Below what the publisher takes (10,000 records, 64 MiB): the rest is the drainer's, so that
# the spool empties also while live traffic fills the publisher.
MAX_UNRESOLVED = 9_000
MAX_UNRESOLVED_BYTES = 56 << 20

_Waiter = asyncio.Future[None]


class Sent:
    """A record that was handed over, and its outcome, once it is there."""

    __slots__ = ("_calls", "outcome")

    def __init__(self) -> None:
        self.outcome: Outcome | None = None
        self._calls: list[Callable[[], object]] = []

    def then(self, call: Callable[[], object]) -> None:
        """Make the call when the outcome is there; at once where it is."""
        if self.outcome is None:
            self._calls.append(call)
        else:
            call()

    def settle(self, outcome: Outcome) -> None:
        """Keep its outcome."""
        self.outcome = outcome
        for call in self._calls:
            call()
        self._calls.clear()  # they know this object

    @property
    def position(self) -> Position | None:
        """Where the record lies, None where that is not known."""
        return self.outcome if isinstance(self.outcome, Position) else None


class FirstSends:
    """
    Sends records at once, and knows which have no outcome yet.

    Two clocks: a delivery waits `deadline_s`; its send goes on for as long as the client's
    own, longer timeout says.
    """

    def __init__(self, publisher: Publisher, circuit: Circuit, deadline_s: float) -> None:
        self._publisher = publisher
        self._circuit = circuit
        self._deadlines: Deadlines[_Waiter] = Deadlines(deadline_s, end_wait)
        self._unresolved: dict[Sent, int] = {}  # and their sizes
        self._bytes = 0

    def may_begin(self) -> bool:
        """Tell whether a record should be sent now; one that should not is counted as such."""
        if self._circuit.reason() is not None:
            PUBLISH_ERRORS.labels("away").inc()
            return False
        if len(self._unresolved) >= MAX_UNRESOLVED or self._bytes >= MAX_UNRESOLVED_BYTES:
            PUBLISH_ERRORS.labels("queue-full").inc()
            return False
        return True

    def begin(self, record: Record) -> Sent:
        """Hand the record over."""
        sent = Sent()
        self._unresolved[sent] = size = record.size
        self._bytes += size
        # No future and no task: the outcome is noted in the turn of the loop that brings it.
        self._publisher.send(record, partial(self._landed, sent))
        return sent

    async def within_deadline(self, sent: Sent) -> Position | None:
        """Wait for the acknowledgement, up to the deadline; None where none came."""
        if sent.outcome is None:
            await self._wait(sent)
        if sent.position is not None:
            self._circuit.acknowledged()
        elif sent.outcome is None:
            self._circuit.failed()
        return sent.position

    async def wait_resolved(self, timeout_s: float) -> None:
        """Wait until the outcomes of all are known, up to the timeout."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                for sent in list(self._unresolved):
                    await _waiter_for(sent)

    async def _wait(self, sent: Sent) -> None:
        waiter = _waiter_for(sent)
        self._deadlines.add(waiter)
        try:
            await waiter
        finally:
            self._deadlines.done(waiter)

    def _landed(self, sent: Sent, outcome: Outcome) -> None:
        self._bytes -= self._unresolved.pop(sent)
        if isinstance(outcome, PublishTimeoutError):
            self._circuit.failed()
        sent.settle(outcome)


def _waiter_for(sent: Sent) -> _Waiter:
    """Return what is done once the outcome is there."""
    waiter: _Waiter = asyncio.get_running_loop().create_future()
    sent.then(partial(end_wait, waiter))
    return waiter
