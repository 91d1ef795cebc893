"""The endpoint as a part of a process: its collaborators, start, drain."""

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import Callable, Sequence

from aiohttp import web

from bus.blobs import BlobStore, open_blobs
from bus.protocols import Publisher
from bus.runtime import metrics
from bus.runtime.health import Check, Health
from bus.runtime.settings import Settings
from ingest.accept import Acceptor
from ingest.auth import authenticator_from, static_tokens
from ingest.blobs import AsyncBlobs
from ingest.body import BodyLimits
from ingest.connections import ConnectionLimits
from ingest.downloads import ROOT as BLOBS_ROOT
from ingest.downloads import Downloads
from ingest.handlers import Handlers
from ingest.keeping import KafkaKeeper, Keeper
from ingest.ledger import Ledger
from ingest.limits import require_limits
from ingest.listening import BACKLOG, base_url, listen, take_no_more
from ingest.load import Load
from ingest.providers import PROVIDERS
from ingest.relay.relay import StartRelay
from ingest.report import DeliveryReport
from ingest.server import HttpServer
from ingest.spool.releases import ByAcknowledgement
from ingest.spool.share import ALONE, SpoolShare
from ingest.spool.spooling import MakeReleases, Spooling
from schemas.topics import TopicNames

# As long as a body may take and its record be published; a process stops in 20 s.
DRAIN_S = 12.0
# Connections taken in one go. A burst is for all workers; and 4,000 that were taken at once, from
# a process that had stood still, were 4,000 deliveries at once and left it 2.4 times as large.
_TAKEN_AT_ONCE = 8


class IngestService:
    """
    Listens for deliveries once started; `url` is its base URL with the real port.

    `make_releases` says when spooled entries are released, on acknowledgement unless given.
    One of several workers gets the `sockets` they all listen on, and its `share` of the spool.
    With `start_relay`, which answering from the spool allows, a process of its own publishes.
    Raises `SettingsError` where a method of authentication lacks its secret, the blob store
    cannot be used, or limits do not fit together.
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
        sockets: Sequence[socket.socket] = (),
        share: SpoolShare = ALONE,
        start_relay: StartRelay | None = None,
    ) -> None:
        require_limits(settings.ingest)
        self._settings = settings.ingest
        blobs = open_blobs(settings.blobs_url)
        self.spooling: Spooling | None = None
        keeper: Keeper = KafkaKeeper(publisher, settings.ingest.publish_deadline_s)
        if settings.spool.mode == "off":
            health.register("kafka", lambda: Check(publisher.healthy()))
        else:
            self.spooling = Spooling(
                settings,
                publisher,
                blobs,
                health,
                make_releases,
                share,
                start_relay=start_relay,
            )
            keeper = self.spooling.keeper
        self._handlers = _handlers(settings, keeper, blobs, observe)
        readers = static_tokens(settings.ingest)
        self._downloads = Downloads(AsyncBlobs(blobs), readers) if readers else None
        self._sockets = sockets
        self._runner: web.ServerRunner | None = None
        self._leaving_since: float | None = None
        self._state: str | None = "not listening yet"
        self.url = ""
        health.register("ingest", lambda: Check(self._state))
        unanswered_s = (
            publisher.unanswered_s if self.spooling is None else self.spooling.unanswered_s
        )
        metrics.PUBLISH_UNANSWERED_SECONDS.set_function(unanswered_s)

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
        limits = ConnectionLimits(self._settings.max_connections, self._settings.head_timeout_s)
        handlers = self._handlers
        server = HttpServer(self._receive, handlers.malformed, handlers.books, limits)
        self._runner = web.ServerRunner(server, shutdown_timeout=1)
        await self._runner.setup()
        self._sockets = self._sockets or listen(self._settings.host, self._settings.port)
        for each in self._sockets:
            # asyncio accepts as many at once as it believes may wait, so it is told too little.
            await web.SockSite(self._runner, each, backlog=_TAKEN_AT_ONCE).start()
            each.listen(BACKLOG)
        self.url = base_url(self._settings.host, self._sockets)
        self._state = None

    async def _receive(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._downloads and request.rel_url.raw_path.startswith(BLOBS_ROOT):
            return await self._downloads.receive(request)
        return await self._handlers.receive(request)

    def leave(self) -> None:
        """Be unready and let go of each connection with its answer; all else goes on."""
        if self._leaving_since is None:
            self._leaving_since = time.monotonic()
        self._state = "stopping"
        self._handlers.leave()

    async def stop_accepting(self) -> None:
        """Take no new connections; those there are go on."""
        if self._runner is not None and self._runner.sites:
            await take_no_more(self._sockets)
            for site in self._runner.sites:
                await site.stop()

    async def stop(self) -> None:
        """Stop accepting, answer what has begun to arrive, close the connections."""
        self.leave()
        if self._runner is not None:
            await self._drain(self._runner)
        await self._close_spool()

    async def _drain(self, runner: web.ServerRunner) -> None:
        await self.stop_accepting()
        left_since = self._leaving_since or time.monotonic()
        # aiohttp's own shutdown drops what still arrives of a body, so it comes last.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._answered(), left_since + DRAIN_S - time.monotonic())
        await runner.cleanup()

    async def _answered(self) -> None:
        await self._handlers.drain()
        if self._downloads is not None:
            await self._downloads.drain()

    async def _close_spool(self) -> None:
        if self.spooling is not None:
            await self.spooling.stop()


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
        Ledger(Load(ingest.max_inflight, ingest.max_inflight_bytes), observe),
        BodyLimits(ingest.max_body_bytes, ingest.body_timeout_s),
    )


def new_traceparent() -> str:
    """Start a W3C trace: no known sender brings one."""
    ids = f"{random.getrandbits(192):048x}"  # no secret: a microsecond sooner than the system's
    return f"00-{ids[:32]}-{ids[32:]}-01"
