"""The consume loop of one group: poll, handle, settle."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from bus.backoff import Backoff, BackoffPolicy
from bus.errors import BusUnavailableError
from bus.failpoints import reach
from bus.fuse import DeadLetterFuse, FuseLimits
from bus.offsets import OffsetTracker, partitions_of
from bus.parking import Parking
from bus.protocols import Bus, Subscription
from bus.runtime.health import Check
from bus.runtime.metrics import RECORDS, SETTLE_SECONDS
from bus.worker.aside import Aside
from bus.worker.gate import Gate
from bus.worker.handler import Batch, Foresee, Handler
from bus.worker.losses import Losses
from bus.worker.reading import BatchReader
from bus.worker.verdicts import Step, Verdicts

log = structlog.get_logger()


_FEW_RECORDS = 64


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker waits, when it gives up, and to whom it shows the next batch."""

    # A second is the shortest poll that is safe while a group rebalances (see bus.kafka).
    poll_s: float = 1.0
    # How long what comes gathers after a batch of a few records, so that a trickle costs a tenth
    # of a transaction and a commit for each of them: at 100 a second 7 % of a processor, not 37.
    gather_s: float = 0.1
    retry: BackoffPolicy = field(default_factory=BackoffPolicy)
    # A consumer should be back within seconds of its broker.
    reconnect: BackoffPolicy = field(default_factory=lambda: BackoffPolicy(0.5, 5.0))
    fuse: FuseLimits = field(default_factory=FuseLimits)
    foresee: Foresee | None = None


class Worker:
    """
    Reads topics in a group and gives each batch to a handler until it is settled.

    Offsets are committed only after the handler returned or the record was parked, and never
    past a record for which neither is so. The handler works in a thread beside the one that
    reads: while it does, the next batch is read. `run` blocks; `stop` and `state` are for other
    threads.
    """

    def __init__(
        self,
        consumer: str,
        bus: Bus,
        group: str,
        topics: Sequence[str],
        handler: Handler,
        *,
        dead_letter_topic: str,
        clock: Callable[[], float] = time.monotonic,
        options: WorkerOptions | None = None,
    ) -> None:
        self.consumer = consumer
        self._bus = bus
        self._group = group
        self._topics = tuple(topics)
        self._clock = clock
        self._options = options or WorkerOptions()
        self._parking = Parking(bus, consumer, dead_letter_topic)
        self._verdicts = Verdicts(
            handler,
            self._parking,
            dead_letter_topic,
            DeadLetterFuse(self._options.fuse),
            Backoff(self._options.retry),
            clock,
        )
        self._hand: Aside[Batch, Step] = Aside(f"{consumer}-handling", self._verdicts.handle)
        self._reconnect = Backoff(self._options.reconnect)
        self._offsets = OffsetTracker()
        self._owes_commit = False
        self._losses = Losses(consumer)
        self._stop = threading.Event()
        self._gate = Gate()
        self._check = Check("not connected to Kafka yet")

    def run(self) -> None:
        """
        Consume until stopped; the broker may be away at the start and at any time.

        Raises what the handler raised beside its verdicts, `FuseBlownError` when a flood of
        records would be parked, and `RecordRefusedError` when one cannot be.
        """
        try:
            while not self._stop.is_set():
                self._gate.wait_open(self._options.poll_s)
                with self._gate.inside():
                    self._consume_while_connected()
        except BaseException as error:
            self._check = Check(f"stopped: {error}")
            raise
        finally:
            self._hand.close()
            self._parking.close()

    def stop(self) -> None:
        """Ask `run` to end after the handler's current call. From any thread."""
        self._stop.set()

    def leave(self, timeout_s: float) -> bool:
        """
        Have `run` leave the group and stay outside until `rejoin`; return whether it has left.

        For when the broker is replaced by another one, where its offsets mean nothing. What
        was not committed is handled again.
        """
        return self._gate.shut(timeout_s)

    def rejoin(self) -> None:
        """Have `run` join the group again, as a new member. From any thread."""
        self._gate.open()

    def state(self) -> Check:
        """Return whether records are handled, and if not, why; or that some were lost unread."""
        return self._check if self._check.reason is not None else self._losses.state()

    def _is_leaving(self) -> bool:
        return self._stop.is_set() or self._gate.is_shut

    def _consume_while_connected(self) -> None:
        if self._is_leaving():
            return
        try:
            subscription = self._bus.subscribe(self._group, self._topics, self.consumer)
            try:
                self._consume(subscription)
            finally:
                subscription.close()
        except BusUnavailableError as error:
            self._say("kafka_unavailable", Check(str(error)))
            self._stop.wait(self._reconnect.failed(self._clock()) - self._clock())

    def _consume(self, subscription: Subscription) -> None:
        self._offsets = OffsetTracker()
        reader = BatchReader(
            self.consumer, subscription, self._offsets, self._losses, self._options.poll_s
        )
        while not self._is_leaving():
            batch = reader.next()
            self._reconnect.succeeded()
            if batch:
                reach("after-poll")
                self._settle(subscription, reader, batch)
            else:
                self._check = Check()
            # What was read ahead must not wait for an answer of the broker.
            self._owes_commit = reader.has_ahead
            if not self._owes_commit:
                self._commit(subscription)
                if 0 < len(batch) < _FEW_RECORDS:
                    self._stop.wait(self._options.gather_s)
            reader.report_lag()
        self._commit(subscription)

    def _settle(self, subscription: Subscription, reader: BatchReader, batch: Batch) -> None:
        arrived_at = self._clock()
        left = deque([batch])
        while left and not self._is_leaving():
            if chunk := self._still_ours(subscription, left.popleft()):
                left.extendleft(reversed(self._handle(subscription, reader, chunk)))
        SETTLE_SECONDS.labels(self.consumer).observe(self._clock() - arrived_at)

    def _handle(
        self, subscription: Subscription, reader: BatchReader, chunk: Batch
    ) -> tuple[Batch, ...]:
        """Return what is still to be handled, in order, once it may be."""
        step = self._handle_and_read_ahead(subscription, reader, chunk)
        if step.check is not None:
            self._say("batch_kept", step.check)
            self._commit(subscription)
            self._wait(subscription, reader, step.wait_s)
        return step.left

    def _handle_and_read_ahead(
        self, subscription: Subscription, reader: BatchReader, chunk: Batch
    ) -> Step:
        """Have the chunk handled; meanwhile commit what came before it, and read what comes."""
        handling = self._hand.begin(chunk)
        try:
            if self._owes_commit:
                self._commit(subscription)
            if reader.may_read_ahead(chunk):
                self._show(reader.read_ahead())
        finally:  # whatever became of it: the chunk is in the handler's hands
            step = handling.result()
            if step.settled is not None:
                self._offsets.settled(record.position for record in chunk)
                RECORDS.labels(self.consumer, step.settled).inc(len(chunk))
                self._check = Check()
        return step

    def _show(self, coming: Batch) -> None:
        if coming and self._options.foresee is not None:
            self._options.foresee(coming)

    def _wait(self, subscription: Subscription, reader: BatchReader, seconds: float) -> None:
        """Wait while paused but polling, so that the group keeps us as a member."""
        ends_at = self._clock() + seconds
        subscription.pause()
        try:
            while not self._is_leaving() and (left_s := ends_at - self._clock()) > 0:
                if left_s < self._options.poll_s:
                    self._stop.wait(left_s)
                else:
                    subscription.poll(self._options.poll_s)
                    reader.report_lag()
        finally:
            subscription.resume()

    def _still_ours(self, subscription: Subscription, chunk: Batch) -> Batch:
        """Return the records of partitions that we still hold; the new owner redoes the others."""
        held = subscription.assignment()
        lost = partitions_of(record.position for record in chunk) - held
        for partition in lost:
            self._offsets.forget(partition)
        return [r for r in chunk if r.position.topic_partition not in lost] if lost else chunk

    def _commit(self, subscription: Subscription) -> None:
        """Commit what is settled; where the broker does not answer, the next commit holds it."""
        self._owes_commit = False
        next_offsets = self._offsets.committable()
        if not next_offsets or self._gate.is_shut:  # the next broker has other offsets
            return
        try:
            subscription.commit(next_offsets)
        except BusUnavailableError as error:
            self._say("commit_delayed", Check(str(error), is_degraded=True))
        else:
            reach("after-commit")
            self._offsets.committed()

    def _say(self, event: str, check: Check) -> None:
        # Said once, not at every try.
        if check != self._check:
            log.warning(event, consumer=self.consumer, reason=check.reason)
        self._check = check
