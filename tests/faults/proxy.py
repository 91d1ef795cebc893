"""A proxy that speaks Kafka: changes, delays or loses answers to produce requests, goes silent."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kafka.protocol.producer import ProduceResponse

from tests.support.kafka import KafkaCluster

_PRODUCE = 0
_LOST = "lost"


@dataclass
class Proxy:
    """
    Stands before one broker that advertises the proxy's port.

    Its fields may be set from any thread; the faults hit only produce requests of clients whose id
    holds `client`, but for the silence, which hits every connection.
    """

    port: int
    client: str = "ingest"
    delay_s: float = 0.0
    """How long answers to produce requests are held back."""
    seen: int = 0
    """How many produce requests of the client were forwarded."""
    _next: deque[int | str] = field(default_factory=deque)
    _is_silent: bool = False
    _silences: int = 0
    _cluster: KafkaCluster | None = None

    @property
    def address(self) -> str:
        """Return host:port."""
        return f"127.0.0.1:{self.port}"

    def refuse_next(self, code: int, times: int = 1) -> None:
        """Let the next produce requests through, but answer them with this error code."""
        self._next.extend([code] * times)

    def lose_next(self, times: int = 1) -> None:
        """Let the next produce requests through, swallow their answers, close the connection."""
        self._next.extend([_LOST] * times)

    @property
    def pending(self) -> int:
        """How many of the answers to be changed are still to come."""
        return len(self._next)

    def go_silent(self) -> None:
        """From now on say nothing on any connection, and keep all open, new ones too."""
        self._silences += 1
        self._is_silent = True

    def speak(self) -> None:
        """Serve new connections again; those of the silence stay dead."""
        self._is_silent = False

    def lead_to(self, cluster: KafkaCluster) -> None:
        """Name the cluster; its only node must advertise the proxy's address."""
        self._cluster = cluster

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client connection."""
        with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.IncompleteReadError):
            assert self._cluster is not None, "nobody said where to lead to"
            host, _, port = self._cluster.bootstrap_servers.rpartition(":")
            ours, to_broker = await asyncio.open_connection(host, int(port))
            with contextlib.closing(to_broker):
                await _Connection(self, reader, writer, ours, to_broker).run()


class _Connection:
    def __init__(
        self,
        proxy: Proxy,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        from_broker: asyncio.StreamReader,
        to_broker: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._client = (reader, writer)
        self._broker = (from_broker, to_broker)
        self._produced: dict[int, int] = {}
        self._born_in = proxy._silences + (not proxy._is_silent)

    async def run(self) -> None:
        """Pump both ways until either side ends."""
        pumps = [asyncio.create_task(self._requests()), asyncio.create_task(self._answers())]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    @property
    def _is_dead(self) -> bool:
        """Whether a silence has begun since, or was on, when it was opened."""
        return self._born_in <= self._proxy._silences

    async def _requests(self) -> None:
        reader, writer = self._client[0], self._broker[1]
        while True:
            frame = await _frame(reader)
            if self._is_dead:
                continue
            key, version, correlation, name_bytes = struct.unpack(">hhih", frame[:10])
            name = frame[10 : 10 + max(name_bytes, 0)].decode()
            if key == _PRODUCE and self._proxy.client in name:
                self._produced[correlation] = version
                self._proxy.seen += 1
            await _send(writer, frame)

    async def _answers(self) -> None:
        reader, writer = self._broker[0], self._client[1]
        while True:
            frame = await _frame(reader)
            if self._is_dead:
                continue
            (correlation,) = struct.unpack(">i", frame[:4])
            version = self._produced.pop(correlation, None)
            if version is not None:
                await asyncio.sleep(self._proxy.delay_s)
                changed = self._changed(frame, version)
                if changed is None:
                    return
                frame = changed
            await _send(writer, frame)

    def _changed(self, frame: bytes, version: int) -> bytes | None:
        try:
            what = self._proxy._next.popleft()
        except IndexError:
            return frame
        return with_error(frame, version, what) if isinstance(what, int) else None


def with_error(frame: bytes, version: int, code: int) -> bytes:
    """Return the produce response with an error in place of each success."""
    response = ProduceResponse.decode(frame, version=version, header=True)
    for topic in response.responses:
        for partition in topic.partition_responses:
            partition.error_code = code
            partition.base_offset = -1
    header, response._header = response._header, None  # with one, encode() takes it for a request
    flexible = ProduceResponse.flexible_version_q(version)
    return bytes(header.encode(flexible=flexible) + response.encode(version=version))


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


async def _send(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(struct.pack(">i", len(frame)) + frame)
    await writer.drain()


@contextmanager
def proxying() -> Iterator[Proxy]:
    """Give a proxy that listens; name its broker before anything connects."""
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = Proxy(listener.getsockname()[1])
    runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
    ends = asyncio.Event()

    async def serve() -> None:
        server = await asyncio.start_server(proxy.serve, sock=listener)
        await ends.wait()
        server.close()

    def run() -> None:
        with runner:  # its end cancels the connections that are left
            runner.run(serve())

    loop = runner.get_loop()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(ends.set)
        thread.join(5)
