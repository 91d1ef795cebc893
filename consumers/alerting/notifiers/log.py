"""Tells the log: the notifier that is always there."""

import structlog

from schemas.alert import Alert, AlertState

log = structlog.get_logger()


class LogNotifier:
    """Writes one structured line per alert and state."""

    name = "log"

    def notify(self, alert: Alert) -> None:
        """Write `alert_raised` as a warning, `alert_resolved` as information."""
        is_firing = alert.state is AlertState.FIRING
        write = log.warning if is_firing else log.info
        write(
            "alert_raised" if is_firing else "alert_resolved",
            rule=alert.rule,
            summary=alert.summary,
            group=dict(alert.group),
            count=_whole(alert.value),
            samples=list(alert.samples),
            severity=alert.severity,
            dedup_key=alert.dedup_key,
        )


def _whole(value: float) -> float:
    return int(value) if value.is_integer() else value
