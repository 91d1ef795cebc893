"""Publishing to the in-memory bus."""

import asyncio
import time
from concurrent.futures import Future
from threading import Event, Lock, Timer

from bus.errors import BusClosedError, BusError, PublishError
from bus.limits import refuse_oversized
from bus.memory.broker import MemoryBroker
from bus.memory.faults import Faults
from bus.protocols import Tell
from bus.records import Position, Record


class MemoryPublisher:
    """Writes at once; acknowledges at once, unless the faults say later or never."""

    def __init__(self, broker: MemoryBroker, faults: Faults, max_record_bytes: int) -> None:
        self._broker = broker
        self._faults = faults
        self._max_record_bytes = max_record_bytes
        self._is_closed = False
        self._lock = Lock()
        self._pending = 0
        self._pending_since = 0.0
        self._settled = Event()
        self._settled.set()

    async def publish(self, record: Record) -> Position:
        """Return the position of the written record."""
        return await asyncio.wrap_future(self.submit(record))

    def send(self, record: Record, settled: Tell) -> None:
        """See `bus.protocols`."""
        loop = asyncio.get_running_loop()

        def done(future: "Future[Position]") -> None:
            error = future.exception()
            outcome = error if isinstance(error, BusError) else future.result()
            loop.call_soon_threadsafe(settled, outcome)

        self.submit(record).add_done_callback(done)

    def submit(self, record: Record) -> "Future[Position]":
        """Write the record; the future gets its position or the error."""
        future: Future[Position] = Future()
        future.set_running_or_notify_cancel()  # a waiting caller cannot take it back
        try:
            position, error = self._write(record)
        except BusError as problem:
            future.set_exception(problem)
        else:
            self._acknowledge(future, position, error)
        return future

    def healthy(self) -> str | None:
        """Return the reason why the bus is down, None while it is not."""
        return "the publisher is closed" if self._is_closed else self._faults.down

    def unanswered_s(self) -> float:
        """Return for how long an acknowledgement has been due without a break."""
        with self._lock:
            return time.monotonic() - self._pending_since if self._pending else 0.0

    def close(self, timeout_s: float = 10.0) -> None:
        """Wait for delayed acknowledgements, then refuse everything."""
        self._is_closed = True
        self._settled.wait(timeout_s)

    def _write(self, record: Record) -> tuple[Position, PublishError | None]:
        if self._is_closed:
            raise BusClosedError("the publisher is closed")
        refuse_oversized(record, self._max_record_bytes)
        if (failure := self._faults.before_write()) is not None:
            raise failure
        return self._broker.append(record), self._faults.after_write()

    def _acknowledge(
        self, future: "Future[Position]", position: Position, error: PublishError | None
    ) -> None:
        delay_s = self._faults.ack_delay_s
        if not delay_s:
            _resolve(future, position, error)
            return
        with self._lock:
            if not self._pending:
                self._pending_since = time.monotonic()
            self._pending += 1
            self._settled.clear()
        timer = Timer(delay_s, self._acknowledge_late, (future, position, error))
        timer.daemon = True
        timer.start()

    def _acknowledge_late(
        self, future: "Future[Position]", position: Position, error: PublishError | None
    ) -> None:
        _resolve(future, position, error)
        with self._lock:
            self._pending -= 1
            if not self._pending:
                self._settled.set()


def _resolve(future: "Future[Position]", position: Position, error: PublishError | None) -> None:
    if error is None:
        future.set_result(position)
    else:
        future.set_exception(error)
