"""
`inferbus up` put together: broker, topics, database, storage, alerting, ingest, admin server.

Parts start in that order and stop in the reverse one, so that whatever was accepted is
published, and whatever was published is stored, before the broker ends.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from bus.protocols import Bus
from bus.runtime.health import Health
from bus.runtime.lifecycle import Lifecycle, Part
from bus.runtime.memory import MemoryCare
from bus.runtime.settings import Settings
from inferbus import callback
from inferbus.keys import ensure_signing_key
from inferbus.parts import (
    AdminServer,
    Deferred,
    Idle,
    Listening,
    PublisherPart,
    Readiness,
    Together,
)
from inferbus.up_broker import BrokerCare, Member
from inferbus.up_ground import CatchUp, Ground
from inferbus.up_publisher import RenewablePublisher
from inferbus.up_state import UpFile
from inferbus.up_view import View
from inferbus.urls import reachable
from schemas.clock import rfc3339
from schemas.topics import TopicNames

if TYPE_CHECKING:
    from consumers.alerting.service import AlertingService
    from consumers.storage.service import StorageService
    from inferbus.up_settled import Settlements
    from ingest.service import IngestService

# The embedded broker answers at once; another one may be behind a slow network.
_CONNECT_PATIENCE_S = 5.0


async def serve(settings: Settings, view: View) -> int:
    """Run everything until SIGTERM, Ctrl-C or a failure; return the exit status."""
    lifecycle = Lifecycle()
    try:
        return await lifecycle.run(Up(settings, lifecycle, view).parts())
    finally:
        view.close()


class Up:
    """One `up`: its parts, and what it tells other commands about itself."""

    def __init__(self, settings: Settings, lifecycle: Lifecycle, view: View) -> None:
        self._ground = Ground(with_signing_key(settings))
        self._fail = lifecycle.fail
        self._view = view
        self._health = Health()
        at = settings.ingest
        self._admin = AdminServer(at.admin_host, at.admin_port, self._health, "--admin-port")
        self._started_at = datetime.now(UTC)
        self._publisher: RenewablePublisher | None = None
        self._ingest: IngestService | None = None
        self._consumers: list[StorageService | AlertingService] = []
        self._settled: Settlements | None = None
        self._file = UpFile(self._settings.data_dir, self.content, view.ready)

    def parts(self) -> Sequence[Part]:
        """Return the parts in the order of their start."""
        consumers = [Deferred("storage", self._storage), Deferred("alerting", self._alerting)]
        return [
            MemoryCare(),
            self._ground,
            Deferred("broker-care", self._care),
            Together("consumers", consumers),
            Deferred("catch-up", self._catch_up),
            Deferred("publisher", self._publishing),
            Deferred("ingest", self._ingesting),
            self._admin,
            Readiness(self._health),
            self._file,
        ]

    @property
    def _settings(self) -> Settings:
        return self._ground.settings

    @property
    def _bus(self) -> Bus:
        return self._ground.bus

    def _care(self) -> Part:
        broker = self._ground.broker
        if broker is None:
            return Idle("broker-care")
        from inferbus.up_settled import Settlements

        self._settled = Settlements(TopicNames(self._settings.topics.prefix))
        care = BrokerCare(broker, self._members, self._restore, self._fail)
        self._health.register("broker", care.check)
        return care

    def _members(self) -> list[Member]:
        workers = [consumer.worker for consumer in self._consumers if consumer.worker is not None]
        return [*workers, *(() if self._publisher is None else (self._publisher,))]

    async def _restore(self) -> None:
        """Give an empty broker its topics, and what is not settled."""
        await self._ground.make_topics()
        if self._ingest is not None and self._ingest.spooling is not None:
            self._ingest.spooling.publish_again()
        self._file.refresh()

    def _storage(self) -> Part:
        from consumers.storage.service import StorageService

        return self._consumer(StorageService)

    def _alerting(self) -> Part:
        from consumers.alerting.service import AlertingService

        return self._consumer(AlertingService)

    def _consumer(self, make: "type[StorageService | AlertingService]") -> Part:
        on_handled = None if self._settled is None else self._settled.handled
        consumer = make(self._settings, self._bus, self._health, self._fail, on_handled=on_handled)
        self._consumers.append(consumer)
        return consumer

    def _catch_up(self) -> Part:
        broker = self._ground.broker
        if broker is None:
            return Idle("catch-up")
        return CatchUp(self._bus, self._settings, broker.alive)

    def _publishing(self) -> Part:
        self._publisher = RenewablePublisher(lambda: self._bus.publisher("inferbus-up"))
        return PublisherPart(self._publisher, _CONNECT_PATIENCE_S)

    def _ingesting(self) -> Part:
        from ingest.service import IngestService
        from ingest.spool.releases import ByAcknowledgement

        settled = self._settled
        assert self._publisher is not None  # noqa: S101 - its part starts before
        self._ingest = IngestService(
            self._settings,
            self._publisher,
            self._health,
            observe=self._view.delivery,
            make_releases=ByAcknowledgement if settled is None else settled.make_releases,
        )
        at = self._settings.ingest
        return Listening(self._ingest, at.host, at.port, "--port")

    def content(self) -> dict[str, Any]:
        """Return what `up.json` says."""
        settings = self._settings
        local = reachable("" if self._ingest is None else self._ingest.url)
        base = (settings.ingest.public_url or local).rstrip("/")
        broker = self._ground.broker
        return {
            "webhook_base_url": base,
            "webhook_url": webhook_url(settings, base),
            "local_webhook_url": webhook_url(settings, local),
            "admin_url": self._admin.url,
            "bootstrap_servers": settings.kafka.bootstrap_servers,
            "group_prefix": settings.kafka.group_prefix,
            "topic_prefix": settings.topics.prefix,
            "database_url": settings.database_url,
            "blobs_url": settings.blobs_url,
            "pids": {"up": os.getpid(), "broker": broker.pid if broker else None},
            "started_at": rfc3339(self._started_at),
            "version": version("inferbus"),
        }


def with_signing_key(settings: Settings) -> Settings:
    """Return the settings with a signing key: theirs, else the data directory's own."""
    if settings.ingest.signing_keys is not None:
        return settings
    key = SecretStr(ensure_signing_key(settings.data_dir))
    ingest = settings.ingest.model_copy(update={"signing_keys": key})
    return settings.model_copy(update={"ingest": ingest})


def webhook_url(settings: Settings, base_url: str) -> str:
    """
    Return a URL that DeepInfra can post to as it stands, by the first method that allows one.

    The signed one never expires and carries no nonce: it is the same after every start.
    """
    at = settings.ingest
    if "signed-url" in at.auth_methods and at.signing_keys is not None:
        keys = at.signing_keys.get_secret_value()
        return callback.url(base_url, "deepinfra", key=keys, expires_in_s=None, nonce="")
    if "token" in at.auth_methods and at.tokens is not None:
        first = at.tokens.get_secret_value().split(",")[0]
        return f"{base_url}/webhooks/deepinfra/{first.partition(':')[2].strip()}"
    return f"{base_url}/webhooks/deepinfra"
