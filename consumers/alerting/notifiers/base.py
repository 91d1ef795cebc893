"""What every notifier does; `tests/contract/test_notifiers.py` runs on each of them."""

from typing import Protocol

from schemas.alert import Alert


class NotifyError(Exception):
    """
    The alert did not get through; the message says why, in one line and without secrets.

    `permanent` means that trying again would fail the same way: the notification is given
    up. Otherwise it is tried again, no sooner than `retry_after_s` where that is given.
    """

    def __init__(
        self, message: str, *, permanent: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after_s = retry_after_s


class Notifier(Protocol):
    """Tells somebody of an alert. Used from one thread of its own."""

    @property
    def name(self) -> str:
        """One word; stands in the database, in metrics and in logs."""
        ...

    def notify(self, alert: Alert) -> None:
        """
        Return once the alert is told; raise `NotifyError` otherwise, and nothing else.

        May be called again with the same alert after a crash: the receiver tells repeats by
        `dedup_key` and `state`. Returns or raises within `NOTIFY_TIMEOUT_S`.
        """
        ...


# Standard Webhooks recommends 15 to 30 s; a stop waits this long for a running notification.
NOTIFY_TIMEOUT_S = 15.0
