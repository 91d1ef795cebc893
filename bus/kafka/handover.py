"""Where records are handed over and outcomes collected: what both publishers have in common."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import lru_cache, partial

from prometheus_client import Histogram

from bus.errors import (
    BusError,
    PublishError,
    PublishTimeoutError,
    RecordRefusedError,
    word_of,
)
from bus.kafka.bridge import LoopBridge
from bus.kafka.outbox import Outbox, OutboxLimits, Send, Settled
from bus.limits import FRAME_BYTES, MAX_PUBLISH_BYTES, refuse_oversized
from bus.protocols import Outcome, Tell
from bus.records import Position, Record
from bus.runtime.metrics import PUBLISH_ERRORS, PUBLISH_SECONDS, observe_all


class Handover:
    """
    Takes records from any thread into a bounded outbox, and answers for each exactly once.

    A publisher is one of these with a thread that empties the outbox and settles its sends.
    """

    def __init__(self, limits: OutboxLimits | None, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._outbox = Outbox(limits or OutboxLimits())
        self._bridges: dict[asyncio.AbstractEventLoop, LoopBridge] = {}
        self._problem: str | None = "connecting to Kafka"

    def publish(self, record: Record) -> "asyncio.Future[Position]":
        """Return what becomes the position; see `bus.protocols`. No task is needed to wait."""
        waiter: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        self.send(record, partial(_resolve, waiter))
        return waiter

    def send(self, record: Record, settled: Tell) -> None:
        """See `bus.protocols`."""
        loop = asyncio.get_running_loop()
        bridge = self._bridges.get(loop) or self._new_bridge(loop)
        try:
            if self._hand_over(record, self._reply(bridge, settled)):
                bridge.turn.ask()
        except BusError as error:
            settled(error)

    def _new_bridge(self, loop: asyncio.AbstractEventLoop) -> LoopBridge:
        return self._bridges.setdefault(loop, LoopBridge(loop, self._wake))

    def submit(self, record: Record) -> "Future[Position]":
        """Hand the record over; the future gets what `publish` returns or raises."""
        future: Future[Position] = Future()
        future.set_running_or_notify_cancel()  # a waiting caller cannot take it back
        try:
            if self._hand_over(record, partial(_resolve, future)):
                self._wake()
        except BusError as error:
            future.set_exception(error)
        return future

    def unanswered_s(self) -> float:
        """Return for how long the oldest record handed over has no outcome."""
        oldest_at = self._outbox.oldest_at()
        return 0.0 if oldest_at is None else self._clock() - oldest_at

    def _wake(self) -> None:
        """Let the thread know that something waits in an outbox that was empty."""

    def _reply(self, bridge: LoopBridge, settled: Tell) -> Tell:
        """Return what brings an outcome back to a caller on a loop."""
        return partial(bridge.deliver, settled)

    def _hand_over(self, record: Record, resolve: Tell) -> bool:
        """Put the record into the outbox; return whether that was empty."""
        try:
            send = Send(record, resolve, self._clock())
            if send.size + FRAME_BYTES > MAX_PUBLISH_BYTES:
                refuse_oversized(record, MAX_PUBLISH_BYTES)
            return self._outbox.put(send)
        except PublishError as error:
            PUBLISH_ERRORS.labels(word_of(error)).inc()
            raise

    def _settle(self, send: Send, outcome: Outcome) -> None:
        """Answer for a send, once. From any of the threads."""
        self._settle_all(((send, outcome),))

    def _settle_all(self, settled: Iterable[Settled]) -> None:
        """Answer for sends, each once: one lock and one look at the clock for all of them."""
        fresh = self._outbox.answered(settled)
        now = self._clock()
        seconds = defaultdict[str, list[float]](list)
        for send, outcome in fresh:
            if isinstance(outcome, PublishError):
                self._note_failure(outcome)
            else:
                seconds[send.record.topic].append(now - send.handed_over_at)
                self._problem = None
        for topic, values in seconds.items():
            observe_all(_seconds(topic), values)
        for send, outcome in fresh:
            send.resolve(outcome)

    def _note_failure(self, error: PublishError) -> None:
        PUBLISH_ERRORS.labels(word_of(error)).inc()
        if not isinstance(error, RecordRefusedError):
            self._problem = str(error)

    def _settle_the_rest(self) -> None:
        """Answer for what has no outcome at the end."""
        for send in self._outbox.unanswered():
            self._settle(
                send, PublishTimeoutError("the publisher was closed before Kafka answered")
            )


@lru_cache(maxsize=256)
def _seconds(topic: str) -> Histogram:
    return PUBLISH_SECONDS.labels(topic)  # looked up once a topic: 1 µs saved a record


def _resolve(future: "Future[Position] | asyncio.Future[Position]", outcome: Outcome) -> None:
    if future.done():  # its caller was cancelled
        return
    if isinstance(outcome, BusError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
