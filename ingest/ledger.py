"""The books: every delivery is counted once, under what it was answered."""

import contextlib
import time
from collections.abc import Callable
from functools import lru_cache

import structlog
from prometheus_client import Counter

from bus.runtime import metrics
from ingest.load import Load, Share
from ingest.report import Answer, DeliveryReport

log = structlog.get_logger()

Observe = Callable[[DeliveryReport], None]


class Entry:
    """
    One delivery from its first line to its answer.

    `provider` is set once the sender is known to be one: strangers make no label values.
    """

    def __init__(self, ledger: "Ledger", share: Share) -> None:
        self._ledger = ledger
        self._started = time.perf_counter()
        self.share = share
        self.provider: str | None = None
        self.body_bytes: int | None = None
        self.error: str | None = None

    def close(self, answer: Answer, http_status: int) -> None:
        """Count and log the answer. Called exactly once."""
        self.share.end()
        duration_s = time.perf_counter() - self._started
        self._ledger._count(self, answer, duration_s)  # noqa: SLF001 - the two are one thing
        report = DeliveryReport(
            metrics.cap_provider(self.provider),
            answer,
            http_status,
            self.body_bytes or 0,
            duration_s,
            self.error,
        )
        self._ledger._tell(report)  # noqa: SLF001 - same


class Ledger:
    """
    Opens an entry per delivery and tells what became of it.

    Received = the sum of the answers + in flight, at any moment: the three change together,
    on the event loop.
    """

    def __init__(self, load: Load, observe: Observe | None = None) -> None:
        self._load = load
        self._observe = observe

    def open(self) -> Entry:
        """Begin a delivery."""
        metrics.DELIVERIES_RECEIVED.inc()
        return Entry(self, self._load.begin())

    async def idle(self) -> None:
        """Return once no delivery is in flight."""
        await self._load.idle()

    def _count(self, entry: Entry, answer: Answer, duration_s: float) -> None:
        _answered(metrics.cap_provider(entry.provider), answer.status).inc()
        metrics.DELIVERY_SECONDS.observe(duration_s)
        if entry.body_bytes is not None:
            metrics.DELIVERY_BODY_BYTES.observe(entry.body_bytes)
        if answer.status == "refused":
            metrics.REFUSED.labels(answer.reason).inc()

    def _tell(self, report: DeliveryReport) -> None:
        # Where standard error is closed or its reader gone, deliveries go on unlogged.
        with contextlib.suppress(OSError, ValueError):
            log.info("delivery_answered", **_line(report))
        if self._observe is None:
            return
        try:
            self._observe(report)
        except Exception:  # a watcher's fault is no sender's
            log.exception("observer_failed")


@lru_cache(maxsize=1024)
def _answered(provider: str, status: str) -> Counter:
    return metrics.DELIVERIES.labels(provider, status)  # looked up once: 1 µs saved


def _line(report: DeliveryReport) -> dict[str, object]:
    first = report.events[0] if report.events else None
    line: dict[str, object] = {
        "provider": report.provider,
        "status": report.status,
        "reason": report.reason,
    }
    if report.error is not None:
        line["error"] = report.error
    return line | {
        "http_status": report.http_status,
        "event_id": first and first.event_id,
        "topic": first and first.topic,
        "partition": first and first.partition,
        "offset": first and first.offset,
        "bytes": report.body_bytes,
        "duration_ms": round(report.duration_s * 1000, 1),
    }
