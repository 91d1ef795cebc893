"""The spool at work: opened, drained, measured, closed."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog

from bus.blobs import BlobStore
from bus.protocols import Publisher
from bus.runtime import metrics
from bus.runtime.health import Check, Health
from bus.runtime.settings import Settings
from ingest.keeping import Keeper
from ingest.relay.relay import Relay, StartRelay
from ingest.spool.circuit import Circuit
from ingest.spool.drainer import Drainer
from ingest.spool.errors import SpoolError
from ingest.spool.first_send import FirstSends
from ingest.spool.keeper import AlwaysKeeper, FallbackKeeper, Journaling, RelayKeeper
from ingest.spool.offload import Offload
from ingest.spool.pace import Traffic
from ingest.spool.releases import ByAcknowledgement, Release, Releases
from ingest.spool.share import ALONE, SpoolShare
from ingest.spool.spool import Spool
from schemas.topics import TopicNames

# At a stop: what Kafka has not answered by then is published again at the next start.
_RESOLVE_TIMEOUT_S = 3.0
_SETTLE_TIMEOUT_S = 5.0
_SETTLE_EVERY_S = 0.05
_ADOPT_EVERY_S = 30.0

log = structlog.get_logger()

MakeReleases = Callable[[Release], Releases]


class Spooling:
    """
    A part: the spool of one ingest and what keeps it short; `keeper` puts records into it.

    Serves whatever Kafka's state. `make_releases` says when entries are released, on
    acknowledgement unless given. With `start_relay` what is journaled is published by a process of
    its own; the publisher here is then for what that one could not.
    """

    name = "spool"

    def __init__(
        self,
        settings: Settings,
        publisher: Publisher,
        blobs: BlobStore,
        health: Health,
        make_releases: MakeReleases = ByAcknowledgement,
        share: SpoolShare = ALONE,
        *,
        start_relay: StartRelay | None = None,
    ) -> None:
        self._spool = Spool(
            settings.spool_dir,
            settings.spool.max_bytes,
            share.worker,
            workers=share.workers,
            others=share.others,
        )
        self._adopting: asyncio.Task[None] | None = None
        deadline_s = settings.ingest.publish_deadline_s
        circuit = Circuit(publisher.healthy)
        traffic = Traffic()
        self._releases = releases = make_releases(self._spool.release)
        self.drainer = Drainer(
            self._spool,
            publisher,
            circuit,
            releases,
            Offload(blobs, TopicNames(settings.topics.prefix)),
            deadline_s=deadline_s,
            traffic=traffic,
        )
        self._spool.on_late = lambda ref: self.drainer.add([ref])
        sends = FirstSends(publisher, circuit, deadline_s)
        journaling = Journaling(self._spool, sends, self.drainer, releases, traffic)
        self._sends = sends
        self._publisher = publisher
        self._relay = None if start_relay is None else Relay(start_relay, journaling)
        self.keeper = _keeper(settings, journaling, self._relay)
        self._register(health, is_always=settings.spool.mode == "always")

    async def start(self) -> None:
        """Open it and begin to drain what was left; raises `SpoolError`."""
        self.drainer.add(await self._spool.open())
        self.drainer.start()
        if self._relay is not None:
            self._relay.start()
        self._adopting = asyncio.create_task(self._adopt())
        metrics.SPOOL_ENTRIES.set_function(lambda: self._spool.entries)
        metrics.SPOOL_BYTES.set_function(lambda: self._spool.size)
        metrics.SPOOL_OLDEST_SECONDS.set_function(self._oldest_s)

    async def stop(self) -> None:
        """Let what is under way come in, then close; entries that wait stay on disk."""
        await self._sends.wait_resolved(_RESOLVE_TIMEOUT_S)
        if self._relay is not None:
            await self._relay.stop(_RESOLVE_TIMEOUT_S)
        if self._adopting is not None:
            self._adopting.cancel()
            await asyncio.gather(self._adopting, return_exceptions=True)
        await self.drainer.stop()
        await self._wait_settled()
        await self._spool.close()

    def publish_again(self) -> None:
        """The broker has lost what it held: publish whatever is not released."""
        self.drainer.begin_anew(self._releases.unsettled())

    async def _adopt(self) -> None:
        """Look now and then for what an ending process held when this one started."""
        while True:
            await asyncio.sleep(_ADOPT_EVERY_S)
            try:
                self.drainer.add(await self._spool.adopt())
            except (OSError, SpoolError) as error:
                log.warning("spool_not_adopted", reason=str(error))

    async def _wait_settled(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_TIMEOUT_S):
                while self._releases.unsettled():  # noqa: ASYNC110 - only at a stop
                    await asyncio.sleep(_SETTLE_EVERY_S)

    def unanswered_s(self) -> float:
        """Return for how long the oldest record that was sent has no outcome, in seconds."""
        relayed_s = 0.0 if self._relay is None else self._relay.unanswered_s()
        return max(self._publisher.unanswered_s(), relayed_s)

    def _kafka_problem(self) -> str | None:
        relayed = None if self._relay is None else self._relay.kafka_problem
        return self._publisher.healthy() or relayed

    def _oldest_s(self) -> float:
        since = self._spool.oldest_at
        return 0.0 if since is None else max(0.0, time.time() - since)

    def _register(self, health: Health, *, is_always: bool) -> None:
        """Ready is who can make a delivery durable: by either way, or by the one that must be."""

        def kafka() -> Check:
            return Check(self._kafka_problem(), is_degraded=self._spool.failing() is None)

        def spool() -> Check:
            needs_it = is_always or self._kafka_problem() is not None
            return Check(self._spool.failing(), is_degraded=not needs_it)

        health.register("kafka", kafka)
        health.register("spool", spool)


def _keeper(settings: Settings, journaling: Journaling, relay: Relay | None) -> Keeper:
    if relay is not None:
        return RelayKeeper(journaling, relay)
    if settings.spool.mode == "always":
        return AlwaysKeeper(journaling, waits=settings.spool.answer == "kafka")
    return FallbackKeeper(journaling)
