"""The endpoint over real sockets, on a publisher that waits where a test says so."""

import asyncio
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession
from prometheus_client import REGISTRY
from yarl import URL

from bus.protocols import Tell
from bus.records import Position, Record
from ingest.report import DeliveryReport
from ingest.service import IngestService
from schemas.callback import mint, parse_keys

KEYS = "k1:0123456789abcdef0123456789abcdef"
BODY = b'{"request_id":"R1","inference_status":{"status":"succeeded"},"text":"hi"}'


class GatedPublisher:
    """Publishes once the gate opens; counts what was handed over."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.published: list[Record] = []
        self.why: str | None = None

    async def publish(self, record: Record) -> Position:
        await self.gate.wait()
        self.published.append(record)
        return Position(record.topic, 0, len(self.published) - 1)

    def send(self, record: Record, settled: Tell) -> None:
        task = asyncio.ensure_future(self.publish(record))
        task.add_done_callback(lambda task: task.cancelled() or settled(task.result()))

    def healthy(self) -> str | None:
        return self.why

    def unanswered_s(self) -> float:
        return 0.0


@dataclass
class Endpoint:
    """A running endpoint and what it told."""

    service: IngestService
    publisher: GatedPublisher
    reports: list[DeliveryReport]
    session: ClientSession

    @property
    def url(self) -> str:
        return mint(self.service.url, "deepinfra", parse_keys(KEYS)[0], model="m")

    async def send(
        self, method: str, url: str | URL, body: Any = None, **more: Any
    ) -> tuple[int, dict[str, Any], Any]:
        async with self.session.request(method, url, data=body, **more) as answer:
            content = await answer.json() if method != "HEAD" else {}
            return answer.status, content, answer.headers

    async def post(self, body: Any = BODY, **more: Any) -> tuple[int, dict[str, Any], Any]:
        return await self.send("POST", self.url, body, **more)


def count(name: str, **labels: str) -> float:
    """Return a metric's value, 0 where it has none yet."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def raw_call(endpoint: Endpoint, call: bytes) -> bytes:
    """Send bytes and return what comes back until the endpoint closes, or a while."""
    reader, writer = await connect(endpoint)
    writer.write(call)
    answer = await asyncio.wait_for(reader.read(65536), 5)
    writer.close()
    return answer


async def connect(endpoint: Endpoint) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection to the endpoint."""
    host, port = endpoint.service.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))
