"""The reason why Kafka is away, kept fresh beside those who wait for it."""

import threading
import time
from collections.abc import Callable, Sequence

import structlog

from bus.kafka.preflight.verdicts import Problem

log = structlog.get_logger()

# A probe costs the broker a few connections: ask seldom, but soon after trouble begins.
_AGAIN_AFTER_S = 10.0


def _in_thread(probe: Callable[[], None]) -> None:
    threading.Thread(target=probe, name="inferbus-diagnosis", daemon=True).start()


class Diagnosis:
    """
    Answers at once with what the latest probe found, and has it repeated from time to time.

    Safe to use from any thread. A new finding is logged once.
    """

    def __init__(
        self,
        probe: Callable[[], Sequence[Problem]],
        *,
        again_after_s: float = _AGAIN_AFTER_S,
        clock: Callable[[], float] = time.monotonic,
        start: Callable[[Callable[[], None]], None] = _in_thread,
    ) -> None:
        self._probe = probe
        self._again_after_s = again_after_s
        self._clock = clock
        self._start = start
        self._lock = threading.Lock()
        self._is_probing = False
        self._probed_at: float | None = None
        self._reason: str | None = None

    def reason(self) -> str | None:
        """Return the latest finding, None before the first; call it only while unconnected."""
        with self._lock:
            is_due = (
                self._probed_at is None or self._clock() - self._probed_at >= self._again_after_s
            )
            begins = is_due and not self._is_probing
            self._is_probing = self._is_probing or begins
        if begins:
            self._start(self._run)
        return self._reason

    def _run(self) -> None:
        found: str | None = None
        try:
            problems = self._probe()
            found = problems[0].message if problems else None
        finally:
            with self._lock:
                is_news = found is not None and found != self._reason
                self._reason, self._probed_at, self._is_probing = found, self._clock(), False
        if is_news:
            log.warning("kafka_problem", reason=found)
