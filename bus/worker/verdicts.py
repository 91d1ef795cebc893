"""What follows from a handler's answer to a batch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import structlog

from bus.backoff import Backoff
from bus.errors import Backpressure, Poison, Transient
from bus.failpoints import reach
from bus.fuse import DeadLetterFuse
from bus.parking import Parking
from bus.runtime.health import Check
from bus.worker.handler import Batch, Handler

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Step:
    """
    One call of the handler: either its records are settled, or some are left.

    `left` are the batches still to be handled, in order, after a wait of `wait_s`, whose
    reason `check` gives.
    """

    settled: Literal["handled", "parked", "skipped"] | None = None
    left: tuple[Batch, ...] = ()
    wait_s: float = 0.0
    check: Check | None = None


class Verdicts:
    """Gives batches to one consumer's handler and does what its verdicts ask for."""

    def __init__(
        self,
        handler: Handler,
        parking: Parking,
        dead_letter_topic: str,
        fuse: DeadLetterFuse,
        retry: Backoff,
        clock: Callable[[], float],
    ) -> None:
        self._handler = handler
        self._parking = parking
        self._dead_letter_topic = dead_letter_topic
        self._fuse = fuse
        self._retry = retry
        self._clock = clock

    def handle(self, batch: Batch) -> Step:
        """Call the handler once; raises what it raised beside its verdicts, and blown fuses."""
        try:
            self._handler.handle(batch)
            reach("after-write")
        except Poison as verdict:
            return self._on_poison(batch, verdict)
        except Transient as verdict:
            return self._on_transient(batch, verdict)
        except Backpressure as verdict:
            check = Check(str(verdict), is_degraded=True)
            return Step(left=(batch,), wait_s=verdict.retry_after_s, check=check)
        self._fuse.handled(len(batch))
        self._retry.succeeded()
        return Step("handled")

    def _on_transient(self, batch: Batch, verdict: Transient) -> Step:
        now = self._clock()
        return Step(left=(batch,), wait_s=self._retry.failed(now) - now, check=Check(str(verdict)))

    def _on_poison(self, batch: Batch, verdict: Poison) -> Step:
        if len(batch) > 1:
            half = len(batch) // 2
            return Step(left=(batch[:half], batch[half:]))
        record = batch[0]
        if record.topic == self._dead_letter_topic:
            # It lies where parking would put it: parked again, it would go round for ever.
            log.error("dead_letter_skipped", position=str(record.position), reason=str(verdict))
            return Step("skipped")
        self._fuse.check(self._clock())
        try:
            reach("before-park")
            self._parking.park(record, verdict)
            reach("after-park")
        except Transient as delay:
            return self._on_transient(batch, delay)
        self._fuse.parked(self._clock())
        self._retry.succeeded()
        return Step("parked")
