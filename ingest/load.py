"""How much is in flight, and when it is too much."""

import asyncio
from collections.abc import Callable

from bus.runtime import metrics


class OverloadedError(Exception):
    """One more delivery, or its body, is more than this process may hold."""


def _nobody() -> None:
    pass


class Load:
    """
    Deliveries and body bytes in flight, against their limits.

    `changed` is called whenever they change; `show` puts them into the metrics.
    """

    def __init__(self, max_deliveries: int, max_bytes: int) -> None:
        self._max_deliveries = max_deliveries
        self._max_bytes = max_bytes
        self._deliveries = 0
        self._bytes = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.changed: Callable[[], None] = _nobody

    def begin(self) -> "Share":
        """Count one delivery until its share is ended."""
        self._deliveries += 1
        self._idle.clear()
        self.changed()
        return Share(self)

    def show(self) -> None:
        """Tell the metrics what is in flight now."""
        metrics.INFLIGHT.set(self._deliveries)
        metrics.INFLIGHT_BYTES.set(self._bytes)

    async def idle(self) -> None:
        """Return once nothing is in flight."""
        await self._idle.wait()

    def _end(self, size: int) -> None:
        self._deliveries -= 1
        self._add(-size)
        if not self._deliveries:
            self._idle.set()

    def _add(self, size: int) -> None:
        self._bytes += size
        self.changed()

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

    def end(self) -> None:
        """Give everything back."""
        self._load._end(self.size)  # noqa: SLF001 - same
