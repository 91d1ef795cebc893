"""What a test can make the in-memory bus do wrong."""

from threading import Lock

from bus.errors import BusUnavailableError, PublishError, PublishTimeoutError


class Faults:
    """
    Faults of one bus, from any thread; they last until they are used up or taken back.

    `down` is the reason why nothing answers, or None. `ack_delay_s` delays acknowledgements;
    the records are written at once.
    """

    def __init__(self) -> None:
        self.down: str | None = None
        self.ack_delay_s = 0.0
        self._lock = Lock()
        self._failures: list[PublishError] = []
        self._acks_to_lose = 0

    def fail_publishes(self, error: PublishError, count: int = 1) -> None:
        """Let the next records fail with this error, unwritten."""
        with self._lock:
            self._failures += [error] * count

    def lose_acks(self, count: int = 1) -> None:
        """Let the next records be written, but their acknowledgements be lost."""
        with self._lock:
            self._acks_to_lose += count

    def before_write(self) -> PublishError | None:
        """Return the error with which the next record fails before it is written."""
        if self.down is not None:
            return PublishTimeoutError(self.down)
        with self._lock:
            return self._failures.pop(0) if self._failures else None

    def after_write(self) -> PublishError | None:
        """Return the error that stands for a lost acknowledgement."""
        with self._lock:
            if not self._acks_to_lose:
                return None
            self._acks_to_lose -= 1
        return PublishTimeoutError("the acknowledgement was lost")

    def refuse_when_down(self) -> None:
        """Raise `BusUnavailableError` where the bus is down."""
        if self.down is not None:
            raise BusUnavailableError(self.down)
