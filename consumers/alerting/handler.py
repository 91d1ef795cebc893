"""The worker's handler: a batch of records is counted in one transaction."""

from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import exc

from bus.errors import Poison, Transient
from bus.records import ReceivedRecord
from bus.runtime.metrics import ALERTS
from consumers.alerting.raising import Raised
from consumers.alerting.reading import Observed, read_records
from consumers.alerting.store import AlertStore
from consumers.engines import error_line
from consumers.gate import SchemaGate
from schemas.alert import AlertState
from schemas.topics import TopicNames

log = structlog.get_logger()


class AlertingHandler:
    """
    Counts batches, and wakes the notifiers where an alert is new.

    Nothing is told from here: a notifier that hangs must not hold up the commit.
    """

    def __init__(
        self,
        store: AlertStore,
        topics: TopicNames,
        gate: SchemaGate,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._topics = topics
        self._gate = gate
        self._wake = wake

    def handle(self, batch: Sequence[ReceivedRecord]) -> None:
        """Return once the batch is counted. Raises `Poison` or `Transient`, nothing kept."""
        observed = read_records(batch, self._topics)
        self._gate.require()
        raised = self._record(observed)
        for alert in raised:
            _announce(alert)
        if raised:
            self._wake()

    def _record(self, observed: Sequence[Observed]) -> list[Raised]:
        try:
            return self._store.record(observed)
        except exc.DataError as error:
            raise Poison("unstorable", error_line(error)) from error
        except exc.DBAPIError as error:
            raise Transient(f"database: {error_line(error)}") from error
        except exc.TimeoutError as error:
            raise Transient("database: no connection free in the pool") from error


def _announce(alert: Raised) -> None:
    ALERTS.labels(alert.rule, AlertState.FIRING.value).inc()
    if not alert.is_told:
        log.info("alert_recorded", rule=alert.rule, dedup_key=alert.dedup_key)
