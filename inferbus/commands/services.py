"""`inferbus ingest`, `storage`, `alerting`: one service each, configured by the environment."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal

from bus.kafka import KafkaBus
from bus.kafka.preflight.part import PreflightPart
from bus.protocols import Bus
from bus.runtime.health import Health, Reports, own_metrics
from bus.runtime.lifecycle import Lifecycle, Part
from bus.runtime.logs import configure_logs
from bus.runtime.memory import MemoryCare, share_one_heap
from bus.runtime.settings import Settings
from inferbus.context import service_settings
from inferbus.files import make_private_dir
from inferbus.leaving import Leaving
from inferbus.parts import AdminServer, Announcement, Endpoint, Listening, PublisherPart

Service = Literal["ingest", "storage", "alerting"]


def run(service: Service, *, workers: int | None = None, data_dir: Path | None = None) -> int:
    """Run one service until SIGTERM or Ctrl-C; `workers` is for ingest and beats its setting."""
    options = {} if workers is None else {"ingest": {"workers": workers}}
    settings = service_settings(data_dir, **options)
    configure_logs(settings.log.level, settings.log.format)
    share_one_heap()
    make_private_dir(settings.data_dir)
    return asyncio.run(_serve(service, settings))


async def _serve(service: Service, settings: Settings) -> int:
    lifecycle = Lifecycle()
    if service == "ingest" and settings.ingest.workers > 1:
        return await lifecycle.run([MemoryCare(), *_supervising_parts(settings)])
    health = Health()
    admin = admin_server(service, settings, health)
    preflight = PreflightPart(service, settings)
    parts = _parts(service, settings, health, lifecycle)
    started = _announcement(service, admin, parts)
    return await lifecycle.run([MemoryCare(), admin, preflight, *parts, started])


def admin_server(
    service: Service,
    settings: Settings,
    health: Reports,
    expose: Callable[[], Awaitable[bytes]] = own_metrics,
) -> AdminServer:
    """Return the admin server on the service's own admin port."""
    section = getattr(settings, service)
    option = f"INFERBUS_{service.upper()}__ADMIN_PORT"
    return AdminServer(section.admin_host, section.admin_port, health, option, expose)


def _announcement(service: Service, admin: AdminServer, parts: Sequence[Part]) -> Announcement:
    def addresses() -> dict[str, str]:
        endpoint = next((part for part in parts if isinstance(part, Listening)), None)
        return {"admin_url": admin.url} | ({} if endpoint is None else {"url": endpoint.url})

    return Announcement(service, addresses)


def _supervising_parts(settings: Settings) -> Sequence[Part]:
    from inferbus.workers.supervisor import Workers

    workers = Workers(settings)
    admin = admin_server("ingest", settings, workers.roster, workers.metrics)
    parts: list[Part] = [PreflightPart("ingest", settings), _listening(workers, settings)]
    return [admin, *parts, _announcement("ingest", admin, parts)]


def _parts(
    service: Service, settings: Settings, health: Health, lifecycle: Lifecycle
) -> Sequence[Part]:
    bus = KafkaBus(settings.kafka)
    if service == "ingest":
        return _ingest_parts(settings, bus, health)
    if service == "storage":
        from consumers.storage.service import StorageService

        return [StorageService(settings, bus, health, lifecycle.fail)]
    from consumers.alerting.service import AlertingService

    return [AlertingService(settings, bus, health, lifecycle.fail)]


def _ingest_parts(settings: Settings, bus: Bus, health: Health) -> Sequence[Part]:
    from inferbus.relay.start import relay_for
    from ingest.service import IngestService

    publisher = bus.publisher("inferbus-ingest")
    service = IngestService(settings, publisher, health, start_relay=relay_for(settings))
    leaving = Leaving(service, settings.ingest.drain_grace_s)
    return [PublisherPart(publisher), _listening(service, settings), leaving]


def _listening(part: Endpoint, settings: Settings) -> Listening:
    return Listening(part, settings.ingest.host, settings.ingest.port, "INFERBUS_INGEST__PORT")
