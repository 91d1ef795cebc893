"""When a delivery need not wait for Kafka any more, because the ones before it waited in vain."""

from collections.abc import Callable

# So many deliveries in a row pay for learning that Kafka is away.
_TRIPS_AFTER = 5


class Circuit:
    """
    Open, with a reason, while Kafka is away or too slow; deliveries then go to the spool at once.

    Closed again by an acknowledgement within the publish deadline, which the drainer's probes
    bring about.
    """

    def __init__(self, healthy: Callable[[], str | None], trips_after: int = _TRIPS_AFTER) -> None:
        self._healthy = healthy
        self._trips_after = trips_after
        self._failures = 0

    def reason(self) -> str | None:
        """Return why it is open, None while it is closed."""
        if self._failures >= self._trips_after:
            return self._healthy() or f"{self._failures} records in a row were not acknowledged"
        return self._healthy()

    def acknowledged(self) -> None:
        """Kafka has acknowledged a record in time."""
        self._failures = 0

    def failed(self) -> None:
        """A record was not acknowledged in time, or not at all."""
        self._failures += 1
