"""The books: every delivery is counted once, under what it was answered."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache

import prometheus_client
import structlog

from bus.runtime import metrics
from bus.runtime.logs import info_all
from bus.turns import OncePerTurn
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
        report = DeliveryReport(
            metrics.cap_provider(self.provider),
            answer,
            http_status,
            self.body_bytes or 0,
            time.perf_counter() - self._started,
            self.error,
        )
        self._ledger._note(report, self.body_bytes)  # noqa: SLF001 - the two are one thing


class Ledger:
    """
    Opens an entry per delivery and tells what became of it.

    Received = the sum of the answers + in flight, at any moment: the three change together, on
    the event loop, once a turn for all that it brought. Metrics and the log cost 25 µs less a
    delivery than they do one by one.
    """

    def __init__(self, load: Load, observe: Observe | None = None) -> None:
        self._load = load
        self._observe = observe
        self._opened = 0
        self._reports: list[DeliveryReport] = []
        self._sizes: list[int] = []
        self._turn = OncePerTurn(self._write_up)
        load.changed = self._turn.ask

    def open(self) -> Entry:
        """Begin a delivery."""
        self._opened += 1
        return Entry(self, self._load.begin())

    async def idle(self) -> None:
        """Return once no delivery is in flight."""
        await self._load.idle()

    async def written(self) -> None:
        """Return once all that was closed is in the books."""
        await self._turn.done()

    def then(self, call: Callable[[], object]) -> None:
        """Make the call once all that was closed is in the books, in the turn that writes them."""
        self._turn.then(call)

    def _note(self, report: DeliveryReport, size: int | None) -> None:
        self._reports.append(report)
        if size is not None:  # of a body that was not read nothing is known
            self._sizes.append(size)
        self._turn.ask()

    def _write_up(self) -> None:
        reports, self._reports = self._reports, []
        self._count(reports)
        # Where standard error is closed or its reader gone, deliveries go on unlogged.
        with contextlib.suppress(OSError, ValueError):
            info_all("delivery_answered", map(_line, reports))
        if self._observe is not None:
            for report in reports:
                self._tell(self._observe, report)

    def _count(self, reports: Iterable[DeliveryReport]) -> None:
        opened, self._opened = self._opened, 0
        sizes, self._sizes = self._sizes, []
        metrics.DELIVERIES_RECEIVED.inc(opened)
        for answered, count in Counter((r.provider, r.status) for r in reports).items():
            _answered(*answered).inc(count)
        self._load.show()
        metrics.observe_all(metrics.DELIVERY_SECONDS, [report.duration_s for report in reports])
        metrics.observe_all(metrics.DELIVERY_BODY_BYTES, sizes)
        for report in reports:
            if report.status == "refused":
                metrics.REFUSED.labels(report.reason).inc()

    def _tell(self, observe: Observe, report: DeliveryReport) -> None:
        try:
            observe(report)
        except Exception:  # a watcher's fault is no sender's
            log.exception("observer_failed")


@lru_cache(maxsize=1024)
def _answered(provider: str, status: str) -> prometheus_client.Counter:
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
