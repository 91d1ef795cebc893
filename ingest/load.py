"""How much is in flight, and when it is too much."""

from collections.abc import Iterator
from contextlib import contextmanager

from bus.runtime import metrics


class OverloadedError(Exception):
    """One more delivery, or its body, is more than this process may hold."""


class Load:
    """Deliveries and body bytes in flight, against their limits."""

    def __init__(self, max_deliveries: int, max_bytes: int) -> None:
        self._max_deliveries = max_deliveries
        self._max_bytes = max_bytes
        self._deliveries = 0
        self._bytes = 0

    @contextmanager
    def delivery(self) -> Iterator["Share"]:
        """Count one delivery while it lasts, and give back its bytes afterwards."""
        share = Share(self)
        self._deliveries += 1
        metrics.INFLIGHT.inc()
        try:
            yield share
        finally:
            self._deliveries -= 1
            metrics.INFLIGHT.dec()
            self._add(-share.size)

    def _add(self, size: int) -> None:
        self._bytes += size
        metrics.INFLIGHT_BYTES.inc(size)

    def _check(self, size: int) -> None:
        if self._deliveries > self._max_deliveries:
            raise OverloadedError(f"{self._max_deliveries} deliveries are in flight")
        if self._bytes + size > self._max_bytes:
            raise OverloadedError(f"{self._max_bytes} bytes are in flight")


class Share:
    """One delivery's share of the load."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self.size = 0

    def take(self, size: int) -> None:
        """Reserve bytes for this delivery; raises `OverloadedError` where there is no room."""
        self._load._check(size)  # noqa: SLF001 - the two are one thing
        self._load._add(size)  # noqa: SLF001 - same
        self.size += size
