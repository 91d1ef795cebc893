"""Telling: takes what one notifier has to say out of the outbox, tells it, settles it."""

from collections.abc import Callable
from datetime import datetime
from threading import Event

import structlog

from bus.runtime.health import Check
from bus.runtime.metrics import NOTIFICATIONS
from consumers.alerting.backoff import delay_s, is_given_up
from consumers.alerting.notifiers.base import Notifier, NotifyError
from consumers.alerting.outbox import Notification, Outbox

log = structlog.get_logger()


class Delivery:
    """
    Tells one notifier's alerts, at least once each, oldest first.

    Every notifier has a delivery and a thread of its own, so that one that hangs keeps
    neither the others nor the counting from their work.
    """

    def __init__(self, notifier: Notifier, outbox: Outbox, clock: Callable[[], datetime]) -> None:
        self._notifier = notifier
        self._outbox = outbox
        self._clock = clock
        self._problem: str | None = None

    def state(self) -> Check:
        """Return why the last alert was not told; the process stays ready, it is tried again."""
        return Check(self._problem, is_degraded=True)

    def tell_due(self, stop: Event, settled: Callable[[], None] = lambda: None) -> None:
        """Tell everything that is due, or until stopped; `settled` is called after each."""
        while not stop.is_set():
            taken = self._outbox.take(self._notifier.name)
            if taken is None:
                return
            self._tell(taken)
            settled()

    def _tell(self, taken: Notification) -> None:
        try:
            self._notifier.notify(taken.alert)
        except NotifyError as error:
            self._not_told(taken, error)
        else:
            self._outbox.mark_sent(taken)
            self._problem = None
            self._count("sent")

    def _not_told(self, taken: Notification, error: NotifyError) -> None:
        self._problem = f"{self._notifier.name}: {error}"
        if is_given_up(error, self._clock() - taken.created_at):
            self._outbox.mark_failed(taken, str(error))
            self._count("failed")
            log.error("notification_given_up", **self._facts(taken, error))
        else:
            wait_s = delay_s(taken.attempts, error.retry_after_s)
            self._outbox.mark_pending(taken, str(error), wait_s)
            self._count("retried")
            log.warning("notification_postponed", wait_s=wait_s, **self._facts(taken, error))

    def _facts(self, taken: Notification, error: NotifyError) -> dict[str, object]:
        return {
            "notifier": self._notifier.name,
            "dedup_key": taken.alert.dedup_key,
            "state": taken.alert.state,
            "attempts": taken.attempts,
            "reason": str(error),
        }

    def _count(self, result: str) -> None:
        NOTIFICATIONS.labels(self._notifier.name, result).inc()
