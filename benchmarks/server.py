"""
One server under test: `python -m benchmarks.server bare|memory|embedded`.

Prints one JSON line with its port and path when ready, then its CPU time for each line that
it reads; ends with its standard input.
"""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from pydantic import SecretStr

from bus.devbroker import EmbeddedBroker
from bus.kafka import KafkaBus
from bus.memory import MemoryBus
from bus.protocols import Bus, Publisher
from bus.runtime.health import Health
from bus.runtime.logs import configure_logs
from bus.runtime.settings import IngestSettings, KafkaSettings, Settings
from bus.topics import ensure_topics
from ingest.service import IngestService
from schemas.callback import mint, parse_keys
from schemas.topics import TopicNames

_KEY = "bench:0123456789abcdef0123456789abcdef"
_BASE = "http://bench"
_ANSWER = (
    b'{"status":"published","durability":"kafka","events":[{"event_id":"deepinfra:'
    b'R00000000000000000000000:succeeded","outcome":"succeeded","topic":"inference.succeeded",'
    b'"partition":3,"offset":41}]}'
)


@contextlib.asynccontextmanager
async def bare(_folder: Path) -> AsyncIterator[int]:
    """Run aiohttp alone: the same route, the body read, an answer of the same size."""

    async def receive(incoming: web.Request) -> web.Response:
        await incoming.read()
        return web.Response(body=_ANSWER, content_type="application/json")

    app = web.Application(client_max_size=2**26)
    app.router.add_post("/webhooks/{provider}/{credential}", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@contextlib.asynccontextmanager
async def memory(folder: Path) -> AsyncIterator[int]:
    """Run the ingress on the in-memory bus: all of our work and no Kafka."""
    bus = MemoryBus()
    settings = _settings(folder, "127.0.0.1:1")
    ensure_topics(bus.admin(), TopicNames(), settings.topics)
    async with _ingest(bus, settings) as port:
        yield port


@contextlib.asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[int]:
    """Run the ingress on the embedded broker: acknowledged over a socket."""
    broker = EmbeddedBroker(folder)
    await broker.start()
    settings = _settings(folder, broker.bootstrap_servers)
    bus = KafkaBus(settings.kafka)
    await asyncio.to_thread(_create_topics, bus, settings)
    async with _ingest(bus, settings) as port:
        yield port
    await broker.stop()


def _create_topics(bus: Bus, settings: Settings) -> None:
    admin = bus.admin()
    try:
        ensure_topics(admin, TopicNames(), settings.topics)
    finally:
        admin.close()


@contextlib.asynccontextmanager
async def _ingest(bus: Bus, settings: Settings) -> AsyncIterator[int]:
    publisher = bus.publisher("bench")
    await asyncio.to_thread(_wait_until_connected, publisher)
    service = IngestService(settings, publisher, Health())
    await service.start()
    yield int(service.url.rsplit(":", 1)[1])
    await service.stop()
    publisher.close()


def _wait_until_connected(publisher: Publisher) -> None:
    while publisher.healthy() is not None:
        time.sleep(0.05)


def _settings(folder: Path, bootstrap_servers: str) -> Settings:
    return Settings(
        data_dir=folder,
        kafka=KafkaSettings(bootstrap_servers=bootstrap_servers),
        ingest=IngestSettings(port=0, signing_keys=SecretStr(_KEY)),
    )


def _path() -> str:
    return mint(_BASE, "deepinfra", parse_keys(_KEY)[0], model="a/b").removeprefix(_BASE)


async def serve(name: str) -> None:
    """Run one server until standard input ends."""
    configure_logs("error", "json")
    with tempfile.TemporaryDirectory() as folder:
        async with _SERVERS[name](Path(folder)) as port:
            print(json.dumps({"port": port, "path": _path(), "pid": os.getpid()}), flush=True)
            await asyncio.to_thread(_answer_cpu_time)


def _answer_cpu_time() -> None:
    for _line in sys.stdin:
        print(time.process_time(), flush=True)


_SERVERS = {"bare": bare, "memory": memory, "embedded": embedded}

if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
