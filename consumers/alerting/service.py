"""The alerting service: a worker that counts, a thread per notifier that tells."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import Event

from bus.protocols import Bus
from bus.runtime.health import Check, Health
from bus.runtime.metrics import ALERTS
from bus.runtime.settings import Settings
from bus.worker import Handled, Worker, WorkerPart, telling
from consumers.alerting.delivery import Delivery
from consumers.alerting.handler import AlertingHandler
from consumers.alerting.notifiers.base import Notifier
from consumers.alerting.notifiers.configured import configured_notifiers, webhook_notifier
from consumers.alerting.outbox import Outbox
from consumers.alerting.rules import BUILT_IN
from consumers.alerting.store import AlertStore
from consumers.database import check, open_engine
from consumers.gate import SchemaGate
from consumers.loop import Loop, Step
from schemas.alert import AlertState
from schemas.topics import TopicNames

CONSUMER = "alerting"
# New alerts wake the notifiers at once; this is for retries and for other instances' alerts.
TELL_EVERY_S = 1.0
RESOLVE_EVERY_S = 5.0


def _now() -> datetime:
    return datetime.now(UTC)


class AlertingService:
    """
    Reads events in a group of its own, counts them, raises alerts and tells notifiers.

    Never makes tables: until `inferbus db upgrade` or `up` has, it waits and says so in its
    health. Raises `SettingsError` where a notifier cannot be made of the settings.
    """

    name = CONSUMER

    def __init__(
        self,
        settings: Settings,
        bus: Bus,
        health: Health,
        fail: Callable[[str], None],
        *,
        on_handled: Handled | None = None,
    ) -> None:
        webhook_notifier(settings.alerting)  # a wrong setting is said before anything starts
        self._on_handled = on_handled
        self._settings = settings
        self._bus = bus
        self._health = health
        self._fail = fail
        self._topics = TopicNames(settings.topics.prefix)
        self._gate = SchemaGate(lambda: check(settings.database_url))
        self._loops: list[Loop] = []
        self.worker: WorkerPart | None = None
        self._closing = contextlib.ExitStack()

    async def start(self) -> None:
        """Return once the threads run; Kafka and the database may still be away."""
        engine = open_engine(self._settings.database_url)
        self._closing.callback(engine.dispose)
        publisher = self._bus.publisher(CONSUMER)
        self._closing.callback(publisher.close)
        notifiers = configured_notifiers(self._settings.alerting, publisher, self._topics)
        store = AlertStore(engine, BUILT_IN, [each.name for each in notifiers], _now)
        self._loops = self._make_loops(store, notifiers, Outbox(engine, _now))
        self._health.register("alerting_database", self._gate.state)
        for loop in self._loops:
            loop.start()
        self.worker = self._make_worker(store)
        await self.worker.start()

    async def stop(self) -> None:
        """Settle the batch in hand, end the notification under way, then close."""
        if self.worker is not None:
            await self.worker.stop()
        await asyncio.to_thread(self._stop_loops)

    def _stop_loops(self) -> None:
        with self._closing:
            for loop in self._loops:
                loop.ask_to_stop()
            for loop in self._loops:
                loop.join()

    def _make_worker(self, store: AlertStore) -> WorkerPart:
        handler = AlertingHandler(store, self._topics, self._gate, self._wake)
        worker = Worker(
            CONSUMER,
            self._bus,
            f"{self._settings.kafka.group_prefix}-{CONSUMER}",
            self._topics.alerted,
            telling(handler, CONSUMER, self._on_handled),
            dead_letter_topic=self._topics.of("deadletter"),
        )
        self._health.register(CONSUMER, worker.state)
        return WorkerPart(worker, self._fail)

    def _make_loops(
        self, store: AlertStore, notifiers: Sequence[Notifier], outbox: Outbox
    ) -> list[Loop]:
        resolving = Loop("alerting_resolve", self._when_ready(_resolve(store)), RESOLVE_EVERY_S)
        self._health.register(resolving.name, resolving.state)
        return [resolving, *(self._make_telling(each, outbox) for each in notifiers)]

    def _make_telling(self, notifier: Notifier, outbox: Outbox) -> Loop:
        delivery = Delivery(notifier, outbox, _now)

        def tell(stop: Event) -> None:
            delivery.tell_due(stop, loop.succeeded)

        loop = Loop(f"alerting_{notifier.name}", self._when_ready(tell), TELL_EVERY_S)
        self._health.register(loop.name, lambda: _first_problem(loop.state(), delivery.state()))
        return loop

    def _when_ready(self, step: Step) -> Step:
        def guarded(stop: Event) -> None:
            if self._gate.problem() is None:
                step(stop)

        return guarded

    def _wake(self) -> None:
        for loop in self._loops:
            loop.wake()


def _first_problem(*checks: Check) -> Check:
    return next((check for check in checks if check.reason is not None), Check())


def _resolve(store: AlertStore) -> Step:
    def resolve(_stop: Event) -> None:
        for alert in store.resolve_due():
            ALERTS.labels(alert.rule, AlertState.RESOLVED.value).inc()

    return resolve
