"""What a relay runs."""

import asyncio
import socket

import structlog

from bus.kafka import KafkaBus
from bus.runtime.logs import configure_logs
from bus.runtime.memory import MemoryCare, share_one_heap, spare_collector
from bus.runtime.settings import Settings
from inferbus.handing import handed
from ingest.relay.serving import serve


def run(end: socket.socket) -> int:
    """Publish until the ingress goes; return the exit status."""
    try:
        settings: Settings = handed(end)
    except EOFError:
        return 1
    configure_logs(settings.log.level, settings.log.format)
    share_one_heap()
    structlog.contextvars.bind_contextvars(process="relay")
    asyncio.run(_serve(settings, end))
    return 0


async def _serve(settings: Settings, end: socket.socket) -> None:
    publisher = KafkaBus(settings.kafka).publisher("inferbus-relay")
    await MemoryCare().start()
    spare_collector()
    try:
        await serve(end, publisher)
    finally:
        # Nobody hears its outcomes any more; what has none is in the journal.
        publisher.close(0.0)
