"""How fast the spool is drained."""

from collections.abc import Callable
from dataclasses import dataclass

from bus.backoff import Backoff, BackoffPolicy

# Enough for a full batch of the publisher, little enough that a live record behind them
# waits a few milliseconds.
MAX_WINDOW = 64
# Beside live deliveries: at most this many in so long, so that the loop is theirs and yet
# the spool empties by some thousand entries a second. 16 made 1,200, and cost it a quarter.
BUSY_BATCH = 7
BUSY_PAUSE_S = 0.005


@dataclass(slots=True)
class Traffic:
    """Counts live deliveries, for whoever should stand back for them."""

    deliveries: int = 0


class Pace:
    """
    How many records may wait for Kafka at once: one while it fails, more with every success.

    Time is the clock's, in seconds.
    """

    def __init__(self, clock: Callable[[], float], traffic: Traffic) -> None:
        self._clock = clock
        self._traffic = traffic
        self._seen = traffic.deliveries
        self._window = 1
        self._next_at = 0.0
        # A probe every few seconds is enough; the publisher connects by itself meanwhile.
        self._backoff = Backoff(BackoffPolicy(0.2, 5.0))

    @property
    def window(self) -> int:
        """How many may be unacknowledged."""
        return self._window

    def wait_s(self) -> float:
        """Return how long nothing may be sent after a failure."""
        return max(0.0, self._next_at - self._clock())

    def succeeded(self) -> None:
        """Kafka acknowledged one."""
        self._backoff.succeeded()
        self._next_at = 0.0
        self._window = min(MAX_WINDOW, self._window * 2)

    def failed(self) -> None:
        """Kafka did not acknowledge one."""
        self._window = 1
        self._next_at = self._backoff.failed(self._clock())

    def begin_anew(self) -> None:
        """Forget the failures: it is another Kafka now."""
        self._backoff.succeeded()
        self._next_at = 0.0

    def is_busy(self) -> bool:
        """Tell whether deliveries came since the last call."""
        seen, self._seen = self._seen, self._traffic.deliveries
        return seen != self._seen
