"""The direct publisher's thread: it fills requests, and connects anew where nothing answers."""

import threading
import time
from collections.abc import Callable
from functools import partial

import structlog

from bus.backoff import Backoff, BackoffPolicy
from bus.errors import BusUnavailableError
from bus.kafka.bridge import LoopBridge
from bus.kafka.direct.dispatcher import Dispatcher, Patience
from bus.kafka.direct.wire import NoWire, Wire
from bus.kafka.handover import Handover
from bus.kafka.outbox import OutboxLimits
from bus.protocols import Tell

log = structlog.get_logger()

_TICK_S = 0.25
_SILENCE_S = 5.0
_THREAD_END_S = 2.0
_NO_WIRE = NoWire()
_RECONNECT = BackoffPolicy(0.1, 1.0)


class DirectPublisher(Handover):
    """
    Publishes records from any thread; connects, and connects anew, by itself.

    Records handed over while there is no connection wait up to the delivery timeout.
    """

    def __init__(
        self,
        connect: Callable[[], Wire],
        delivery_timeout_s: float,
        batch_bytes: int,
        limits: OutboxLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        diagnose: Callable[[], str | None] = lambda: None,
    ) -> None:
        super().__init__(limits, clock)
        self._connect = connect
        self._diagnose = diagnose
        self._dispatcher = Dispatcher(self._settle_all, Patience(delivery_timeout_s), batch_bytes)
        self._wire: Wire | None = None
        self._is_connected = False
        self._listens = False
        self._backoff = Backoff(_RECONNECT)
        self._next_try_at = 0.0
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka-publisher", daemon=True)
        self._thread.start()

    def healthy(self) -> str | None:
        """Return None while records get through, otherwise the reason in one line."""
        if self._outbox.is_closed:
            return "the publisher is closed"
        if not self._is_connected:
            return self._diagnose() or self._problem or "connecting to Kafka"
        oldest_at = self._dispatcher.oldest_at
        if oldest_at is not None and (silent_s := self._clock() - oldest_at) > _SILENCE_S:
            return self._diagnose() or f"Kafka has acknowledged nothing for {silent_s:.0f} s"
        return self._problem

    def close(self, timeout_s: float = 10.0) -> None:
        """Wait for what was handed over, up to the timeout, then fail the rest and stop."""
        self._outbox.close()
        self._outbox.wait_empty(timeout_s)
        self._is_stopped.set()
        if (wire := self._wire) is not None:
            wire.wake()
        self._thread.join(_THREAD_END_S)
        self._settle_the_rest()
        self._wake_loops()

    def _reply(self, bridge: LoopBridge, settled: Tell) -> Tell:
        # Brought back in bulk: woken at the first outcome of a response, the loop would take
        # the interpreter's lock away from the others, and be woken once for each.
        return partial(bridge.post, settled)

    def _wake(self) -> None:
        # While every broker has a request in flight nothing could be sent: what comes gathers,
        # and costs no wake-up, until an answer makes room. Saves two lock hand-overs a turn.
        if self._listens and (wire := self._wire) is not None:
            wire.wake()

    def _run(self) -> None:
        while not self._is_stopped.is_set():
            try:
                self._turn()
            except BusUnavailableError as error:
                self._drop(str(error))
            except Exception:
                # Whatever it was, the records must get an answer and the thread must live.
                log.exception("publisher_turn_failed")
                self._drop("an unexpected error")
            self._wake_loops()
        if self._wire is not None:
            self._wire.close()

    def _turn(self) -> None:
        if (wire := self._wire or self._new_wire()) is None:
            self._is_stopped.wait(_TICK_S)
            self._dispatcher.turn(_NO_WIRE, self._outbox.take(0), (), self._clock())
            return
        answers = wire.poll(self._time_to_wait())
        self._listens = False
        self._look_at(wire)
        self._dispatcher.turn(wire, self._outbox.take(0), answers, self._clock())

    def _time_to_wait(self) -> float:
        """Return how long the connections may sleep; from now on `_wake` ends that."""
        if self._dispatcher.is_busy:
            return self._dispatcher.idle_s()
        self._listens = True
        return 0.0 if self._outbox.has_waiting else self._dispatcher.idle_s()

    def _new_wire(self) -> Wire | None:
        """Begin to connect, if it is time to; None where that cannot even be begun."""
        if self._clock() < self._next_try_at:
            return None
        try:
            wire = self._connect()
        except Exception as error:  # noqa: BLE001 - a wrong setting must show, not kill the thread
            self._drop(str(error))
            return None
        self._dispatcher.begin_anew(wire, self._clock())
        self._wire = wire
        return wire

    def _look_at(self, wire: Wire) -> None:
        """Note when the cluster is there; raise where this wire leads nowhere any more."""
        if not self._is_connected and wire.is_connected:
            self._is_connected = True
            self._problem = None
            self._backoff.succeeded()
        if self._is_connected and (why := self._dispatcher.stuck(self._clock())) is not None:
            raise BusUnavailableError(why)

    def _drop(self, reason: str) -> None:
        """Give the connections up; what was in flight is sent again by the next ones."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()
        if reason != self._problem:
            log.warning("kafka_unavailable", reason=reason)
        self._problem = reason
        self._is_connected = False
        self._next_try_at = self._backoff.failed(self._clock())

    def _wake_loops(self) -> None:
        for bridge in list(self._bridges.values()):
            bridge.wake()
