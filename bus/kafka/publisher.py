"""Publishing to Kafka: one thread, fed by a bounded queue, that replaces a wedged producer."""

import threading
import time
from collections import deque
from collections.abc import Callable

import structlog

from bus.backoff import Backoff, BackoffPolicy
from bus.errors import (
    PublishError,
    PublishTimeoutError,
    TopicMissingError,
)
from bus.kafka.handover import Handover
from bus.kafka.line import Line
from bus.kafka.outbox import OutboxLimits, Send
from bus.kafka.producing import Producer
from bus.kafka.watchdog import Watchdog

log = structlog.get_logger()

# How often the thread looks at time limits while nothing is handed over.
_TICK_S = 0.25
# A topic that is missing is asked for again only so often: asking blocks for a second.
_MISSING_FOR_S = 5.0
_SILENCE_S = 5.0
_THREAD_END_S = 2.0


class KafkaPublisher(Handover):
    """
    Publishes records from any thread; connects, and connects anew, by itself.

    Records handed over while there is no connection wait up to the delivery timeout.
    """

    def __init__(
        self,
        connect: Callable[[], Producer],
        delivery_timeout_s: float,
        limits: OutboxLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        diagnose: Callable[[], str | None] = lambda: None,
    ) -> None:
        super().__init__(limits, clock)
        self._connect = connect
        self._diagnose = diagnose
        self._delivery_timeout_s = delivery_timeout_s
        self._watchdog = Watchdog(delivery_timeout_s)
        self._waiting: deque[Send] = deque()
        self._line: Line | None = None
        self._backoff = Backoff(BackoffPolicy(0.2, 2.0))
        self._next_try_at = 0.0
        self._missing_until: dict[str, float] = {}
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka-publisher", daemon=True)
        self._thread.start()

    def healthy(self) -> str | None:
        """Return None while records get through, otherwise the reason in one line."""
        if self._outbox.is_closed:
            return "the publisher is closed"
        line = self._line
        if line is not None and (silent_s := line.silent_s()) > _SILENCE_S:
            return self._diagnose() or f"Kafka has acknowledged nothing for {silent_s:.0f} s"
        if line is None and self._problem is not None:
            return self._diagnose() or self._problem
        return self._problem

    def close(self, timeout_s: float = 10.0) -> None:
        """Wait for what was handed over, up to the timeout, then fail the rest and stop."""
        self._outbox.close()
        self._outbox.wait_empty(timeout_s)
        self._is_stopped.set()
        self._thread.join(2 * _THREAD_END_S)
        self._settle_the_rest()

    def _run(self) -> None:
        while not self._is_stopped.is_set():
            self._waiting.extend(self._outbox.take(_TICK_S))
            try:
                self._turn()
            except Exception:
                # Whatever it was, the records must get an answer and the thread must live.
                log.exception("publisher_turn_failed")
                self._replace("of an unexpected error")
        if self._line is not None:
            # Whoever closes may be about to put another broker at this address.
            self._line.end(_THREAD_END_S)

    def _turn(self) -> None:
        if self._line is None:
            self._try_to_connect()
        if self._line is not None:
            self._send_waiting(self._line)
        self._expire_waiting()
        if self._line is not None and (why := self._line.wedged()) is not None:
            self._replace(why)

    def _try_to_connect(self) -> None:
        if self._clock() < self._next_try_at:
            return
        try:
            producer = self._connect()
        except Exception as error:  # noqa: BLE001 - a wrong setting must show, not kill the thread
            self._next_try_at = self._backoff.failed(self._clock())
            if self._problem != str(error):
                log.warning("kafka_unavailable", reason=str(error))
            self._problem = str(error)
            return
        self._backoff.succeeded()
        self._problem = None
        self._line = Line(producer, self._settle, self._clock, self._watchdog)

    def _send_waiting(self, line: Line) -> None:
        while self._waiting and not self._is_stopped.is_set():
            send = self._waiting.popleft()
            try:
                self._refuse_missing(send.record.topic)
                line.send(send)
            except PublishError as error:
                if isinstance(error, TopicMissingError):
                    self._note_missing(send.record.topic)
                self._settle(send, error)
            except BaseException as error:
                self._settle(send, PublishError(f"not sent: {error}"))
                raise

    def _refuse_missing(self, topic: str) -> None:
        if self._clock() < self._missing_until.get(topic, 0.0):
            raise TopicMissingError(f"Kafka does not know topic {topic}")

    def _note_missing(self, topic: str) -> None:
        if topic not in self._missing_until or self._clock() >= self._missing_until[topic]:
            self._missing_until[topic] = self._clock() + _MISSING_FOR_S

    def _expire_waiting(self) -> None:
        too_old = self._clock() - self._delivery_timeout_s
        while self._waiting and self._waiting[0].handed_over_at < too_old:
            problem = self._problem or "Kafka is busy"
            self._settle(self._waiting.popleft(), PublishTimeoutError(f"not sent: {problem}"))

    def _replace(self, why: str) -> None:
        """Give the producer up; what it has not answered for may have been written."""
        line, self._line = self._line, None
        if line is None:
            return
        log.error("producer_replaced", reason=why)
        self._problem = f"the Kafka producer was replaced: {why}"
        for send in line.abandon(3 * self._delivery_timeout_s):
            self._settle(send, PublishTimeoutError(f"no answer from Kafka: {why}"))
