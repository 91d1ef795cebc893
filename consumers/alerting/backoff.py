"""When to try a notification again, and when to give it up."""

from datetime import timedelta

from consumers.alerting.notifiers.base import NotifyError

FIRST_DELAY_S = 1.0
# A receiver that comes back is told within five minutes.
MAX_DELAY_S = 300.0
# A receiver may ask for more time than that, but not for so much that an alert is forgotten.
MAX_RETRY_AFTER_S = 3600.0
# A day covers an outage that somebody has to wake up for; later the alert is history.
GIVE_UP_AFTER = timedelta(hours=24)


def delay_s(attempts: int, asked_s: float | None = None) -> float:
    """Return the seconds to wait after so many attempts, at least what the receiver asked."""
    exponent = min(attempts - 1, 16)
    grown = min(FIRST_DELAY_S * float(1 << exponent), MAX_DELAY_S)
    return max(grown, min(asked_s or 0.0, MAX_RETRY_AFTER_S))


def is_given_up(error: NotifyError, age: timedelta) -> bool:
    """Tell whether a notification that failed this way at this age is not tried again."""
    return error.permanent or age >= GIVE_UP_AFTER
