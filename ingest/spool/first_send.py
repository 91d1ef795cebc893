"""The first send of a delivery's record, followed beyond the delivery's deadline."""

import asyncio

from bus.errors import PublishTimeoutError
from bus.protocols import Publisher
from bus.records import Position, Record
from ingest.deadlines import Deadlines
from ingest.spool.circuit import Circuit

# Below what the publisher takes (10,000 records, 64 MiB): the rest is the drainer's, so that
# the spool empties also while live traffic fills the publisher.
MAX_UNRESOLVED = 9_000
MAX_UNRESOLVED_BYTES = 56 << 20

Sent = asyncio.Future[Position]
_Waiter = asyncio.Future[None]


class FirstSends:
    """
    Sends records at once, and knows which are not resolved yet.

    Two clocks: a delivery waits `deadline_s`; its send goes on for as long as the client's
    own, longer timeout says.
    """

    def __init__(self, publisher: Publisher, circuit: Circuit, deadline_s: float) -> None:
        self._publisher = publisher
        self._circuit = circuit
        self._deadlines: Deadlines[_Waiter] = Deadlines(deadline_s, _end)
        self._unresolved: dict[Sent, int] = {}  # and their sizes
        self._waiting: dict[Sent, _Waiter] = {}
        self._bytes = 0

    def obstacle(self) -> str | None:
        """Return why a record should not be sent now, None where it should."""
        if (reason := self._circuit.reason()) is not None:
            return reason
        if len(self._unresolved) >= MAX_UNRESOLVED or self._bytes >= MAX_UNRESOLVED_BYTES:
            return f"{len(self._unresolved)} records wait for Kafka"
        return None

    def begin(self, record: Record) -> Sent:
        """Hand the record over."""
        # What waits for Kafka is the publisher's own future, no task: 20 µs saved.
        sent = asyncio.ensure_future(self._publisher.publish(record))
        self._unresolved[sent] = size = record.size
        self._bytes += size
        sent.add_done_callback(self._landed)
        return sent

    async def within_deadline(self, sent: Sent) -> Position | None:
        """Wait for the acknowledgement, up to the deadline; None where none came."""
        if not sent.done():
            await self._wait(sent)
        position = acknowledged(sent)
        if position is not None:
            self._circuit.acknowledged()
        elif not sent.done():
            self._circuit.failed()
        return position

    async def wait_resolved(self, timeout_s: float) -> None:
        """Wait until the outcomes of all are known, up to the timeout."""
        if self._unresolved:
            await asyncio.wait(set(self._unresolved), timeout=timeout_s)

    async def _wait(self, sent: Sent) -> None:
        self._waiting[sent] = waiter = asyncio.get_running_loop().create_future()
        self._deadlines.add(waiter)
        try:
            await waiter
        finally:
            self._deadlines.done(waiter)
            self._waiting.pop(sent, None)

    def _landed(self, sent: Sent) -> None:
        self._bytes -= self._unresolved.pop(sent)
        if (waiter := self._waiting.get(sent)) is not None:
            _end(waiter)
        if isinstance(failure(sent), PublishTimeoutError):
            self._circuit.failed()


def _end(waiter: _Waiter) -> None:
    if not waiter.done():
        waiter.set_result(None)


def acknowledged(sent: Sent) -> Position | None:
    """Return where the record lies, None where that is not known."""
    return sent.result() if sent.done() and failure(sent) is None else None


def failure(sent: Sent) -> BaseException | None:
    """Return why the send failed; None where it succeeded or is under way."""
    if not sent.done():
        return None
    return asyncio.CancelledError() if sent.cancelled() else sent.exception()
