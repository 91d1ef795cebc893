"""The endpoint as a part of a process: routes, limits, start, drain."""

import secrets
from collections.abc import Callable

from aiohttp import web

from bus.blobs import BlobStore, open_blobs
from bus.protocols import Publisher
from bus.runtime.health import Check, Health
from bus.runtime.settings import Settings
from ingest.accept import Acceptor
from ingest.auth import authenticator_from
from ingest.body import BodyLimits
from ingest.handlers import Handlers, not_found
from ingest.keeping import KafkaKeeper, Keeper
from ingest.load import Load
from ingest.providers import PROVIDERS
from ingest.report import DeliveryReport
from ingest.spool.releases import ByAcknowledgement
from ingest.spool.spooling import MakeReleases, Spooling
from schemas.topics import TopicNames

# Connections that wait to be accepted; the kernel's own cap is usually 4096.
BACKLOG = 4096


class IngestService:
    """
    Listens for deliveries once started; `url` is its base URL with the real port.

    `make_releases` says when spooled entries are released, on acknowledgement unless given.
    Raises `SettingsError` where a method of authentication lacks its secret or the blob
    store cannot be used.
    """

    name = "ingest"

    def __init__(
        self,
        settings: Settings,
        publisher: Publisher,
        health: Health,
        *,
        observe: Callable[[DeliveryReport], None] | None = None,
        make_releases: MakeReleases = ByAcknowledgement,
    ) -> None:
        self._settings = settings.ingest
        blobs = open_blobs(settings.blobs_url)
        self.spooling: Spooling | None = None
        keeper: Keeper = KafkaKeeper(publisher, settings.ingest.publish_deadline_s)
        if settings.spool.mode == "off":
            health.register("kafka", lambda: Check(publisher.healthy()))
        else:
            self.spooling = Spooling(settings, publisher, blobs, health, make_releases)
            keeper = self.spooling.keeper
        self._handlers = _handlers(settings, keeper, blobs, observe)
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        """
        Open the spool, bind and listen, whatever Kafka's state.

        Raises OSError where the port is taken, `SpoolError` where the spool cannot be used.
        """
        if self.spooling is not None:
            await self.spooling.start()
        try:
            await self._listen()
        except BaseException:
            await self._close_spool()
            raise

    async def _listen(self) -> None:
        app = build_app(self._handlers)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,  # a small body can unpack to gigabytes, on the event loop
            keepalive_timeout=75,
            shutdown_timeout=10,
            lingering_time=2,
            max_line_size=8190,
            max_field_size=8190,
        )
        await self._runner.setup()
        host = self._settings.host
        site = web.TCPSite(self._runner, host, self._settings.port, backlog=BACKLOG)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def stop(self) -> None:
        """Stop accepting, answer what was read, close the connections."""
        if self._runner is not None:
            for site in list(self._runner.sites):
                await site.stop()
            await self._handlers.drain()
            await self._runner.cleanup()
        await self._close_spool()

    async def _close_spool(self) -> None:
        if self.spooling is not None:
            await self.spooling.stop()


def build_app(handlers: Handlers) -> web.Application:
    """Return the app of the public port."""
    app = web.Application()
    app.router.add_route("*", "/webhooks/{path:.*}", handlers.webhook)
    app.router.add_route("*", "/{path:.*}", not_found)
    app.on_response_prepare.append(_without_server_name)
    return app


async def _without_server_name(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.popall("Server", None)


def _handlers(
    settings: Settings,
    keeper: Keeper,
    blobs: BlobStore,
    observe: Callable[[DeliveryReport], None] | None,
) -> Handlers:
    ingest = settings.ingest
    acceptor = Acceptor(
        PROVIDERS,
        keeper,
        blobs,
        TopicNames(settings.topics.prefix),
        inline_limit_bytes=ingest.inline_limit_bytes,
        traceparent=new_traceparent,
    )
    return Handlers(
        acceptor,
        authenticator_from(ingest),
        Load(ingest.max_inflight, ingest.max_inflight_bytes),
        BodyLimits(ingest.max_body_bytes, ingest.body_timeout_s),
        observe,
    )


def new_traceparent() -> str:
    """Start a W3C trace: no known sender brings one."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
