"""What a worker runs, and what it tells its parent meanwhile."""

import asyncio
import contextlib
import os
import signal
import socket
from typing import Any

import structlog
from prometheus_client import REGISTRY

from bus.kafka import KafkaBus
from bus.runtime.families import collected, packed
from bus.runtime.health import Health
from bus.runtime.lifecycle import Lifecycle, Part
from bus.runtime.logs import configure_logs
from bus.runtime.memory import MemoryCare, share_one_heap
from inferbus.explain import explain
from inferbus.leaving import Leaving
from inferbus.parts import PublisherPart
from inferbus.relay.start import relay_for
from inferbus.workers.assignment import Assignment
from inferbus.workers.channel import Channel
from ingest.service import IngestService
from ingest.spool.share import Sizes, SpoolShare

# The parent kills what has not ended 18 s after the word.
STOP_DEADLINE_S = 17.0
_REPORT_EVERY_S = 0.5


def run(assignment: Assignment, end: socket.socket) -> int:
    """Serve until told to stop; return the exit status. What goes wrong the parent is told."""
    settings = assignment.settings
    configure_logs(settings.log.level, settings.log.format)
    share_one_heap()
    structlog.contextvars.bind_contextvars(worker=assignment.number)
    return asyncio.run(_serve(assignment, end))


async def _serve(assignment: Assignment, end: socket.socket) -> int:
    channel = await Channel.over(end)
    try:
        return await _Worker(assignment, channel).run()
    except Exception as error:  # noqa: BLE001 - the parent has the last word
        line, status = explain(error)
        channel.tell({"failed": line, "status": status})
        await channel.drain()
        return status
    finally:
        channel.close()


class _Worker:
    def __init__(self, assignment: Assignment, channel: Channel) -> None:
        settings = assignment.settings
        self._channel = channel
        self._health = Health()
        self._lifecycle = Lifecycle(STOP_DEADLINE_S)
        self._publisher = KafkaBus(settings.kafka).publisher(f"inferbus-ingest-{assignment.number}")
        self._service = IngestService(
            settings,
            self._publisher,
            self._health,
            sockets=[socket.socket(fileno=file) for file in assignment.listeners],
            share=_share(assignment),
            start_relay=relay_for(settings),
        )
        self._leaving = Leaving(self._service, settings.ingest.drain_grace_s, accepts=False)
        self.name = "reports"
        self._telling: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Live one worker's life."""
        hearing = asyncio.create_task(self._hear())
        try:
            publisher = PublisherPart(self._publisher)
            parts: list[Part] = [MemoryCare(), publisher, self._service, self, self._leaving]
            return await self._lifecycle.run(parts)
        finally:
            hearing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await hearing

    async def start(self) -> None:
        """Report from now on: the first report says that all has started."""
        self._telling = asyncio.create_task(self._tell())

    async def stop(self) -> None:
        """Say a last time how things are: it is unready from here on."""
        self._tell_now()

    async def _tell(self) -> None:
        while True:
            self._tell_now()
            await asyncio.sleep(_REPORT_EVERY_S)

    def _tell_now(self) -> None:
        is_ready, checks = self._health.report()
        self._channel.tell({"is_ready": is_ready, "checks": checks})

    async def _hear(self) -> None:
        while (message := await self._channel.hear()) is not None:
            self._obey(message)
        # The parent has gone; whoever comes after it needs our port and our sub-spool.
        os.kill(os.getpid(), signal.SIGKILL)

    def _obey(self, message: dict[str, Any]) -> None:
        if "metrics" in message:
            self._channel.tell({"metrics": packed(collected(REGISTRY))})
        if "stop" in message:
            self._leaving.accepts = True  # nobody else will
            self._lifecycle.stop()


def _share(assignment: Assignment) -> SpoolShare:
    number, workers = assignment.number, assignment.settings.ingest.workers
    sizes = Sizes.opened(assignment.sizes, workers)
    return SpoolShare(number, workers, lambda size: sizes.tell(number, size))
