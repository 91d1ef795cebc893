"""A load generator light enough to share a machine with what it measures."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.bodies import bodies, request


@dataclass(frozen=True, slots=True)
class Load:
    """One round: how many deliveries were answered, in how many seconds."""

    deliveries: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Deliveries answered a second."""
        return self.deliveries / self.seconds


async def drive(port: int, path: str, connections: int, seconds: float) -> Load:
    """Post over keep-alive connections until the time is up; any answer but 200 raises."""
    source = bodies()
    started = time.perf_counter()
    ends_at = started + seconds
    counts = await asyncio.gather(*(_post(port, path, source, ends_at) for _ in range(connections)))
    return Load(sum(counts), time.perf_counter() - started)


async def _post(port: int, path: str, source: Iterator[bytes], ends_at: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    try:
        while time.perf_counter() < ends_at:
            writer.write(request(path, next(source)))
            await read_answer(reader)
            count += 1
    finally:
        writer.close()
    return count


async def read_answer(reader: asyncio.StreamReader) -> None:
    """Read one answer; any but 200 raises."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
    body = await reader.readexactly(length)
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(f"the server answered {head.splitlines()[0]!r} {body!r}")
