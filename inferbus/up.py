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
    Watch,
)
from inferbus.up_ground import CatchUp, Ground
from inferbus.up_state import UpFile
from inferbus.up_view import View
from inferbus.urls import reachable
from schemas.clock import rfc3339

if TYPE_CHECKING:
    from bus.protocols import Publisher
    from ingest.service import IngestService


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
        self._publisher: Publisher
        self._ingest: IngestService

    def parts(self) -> Sequence[Part]:
        """Return the parts in the order of their start."""
        consumers = [Deferred("storage", self._storage), Deferred("alerting", self._alerting)]
        return [
            self._ground,
            Deferred("broker-watch", self._watch),
            Together("consumers", consumers),
            Deferred("catch-up", self._catch_up),
            Deferred("publisher", self._publishing),
            Deferred("ingest", self._ingesting),
            self._admin,
            Readiness(self._health),
            UpFile(self._settings.data_dir, self.content, self._view.ready),
        ]

    @property
    def _settings(self) -> Settings:
        return self._ground.settings

    @property
    def _bus(self) -> Bus:
        return self._ground.bus

    def _watch(self) -> Part:
        broker = self._ground.broker
        if broker is None:
            return Idle("broker-watch")
        watch = Watch("broker-watch", broker.alive, self._fail)
        self._health.register("broker", watch.check)
        return watch

    def _storage(self) -> Part:
        from consumers.storage.service import StorageService

        return StorageService(self._settings, self._bus, self._health, self._fail)

    def _alerting(self) -> Part:
        from consumers.alerting.service import AlertingService

        return AlertingService(self._settings, self._bus, self._health, self._fail)

    def _catch_up(self) -> Part:
        broker = self._ground.broker
        if broker is None:
            return Idle("catch-up")
        return CatchUp(self._bus, self._settings, broker.alive)

    def _publishing(self) -> Part:
        self._publisher = self._bus.publisher("inferbus-up")
        return PublisherPart(self._publisher)

    def _ingesting(self) -> Part:
        from ingest.service import IngestService

        self._ingest = IngestService(
            self._settings, self._publisher, self._health, observe=self._view.delivery
        )
        at = self._settings.ingest
        return Listening(self._ingest, at.host, at.port, "--port")

    def content(self) -> dict[str, Any]:
        """Return what `up.json` says."""
        settings = self._settings
        local = reachable(self._ingest.url)
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
