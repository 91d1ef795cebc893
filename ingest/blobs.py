"""The blob store as the event loop uses it: in threads of its own, in bounded time."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from bus.blobs import BlobStore, BlobStoreError
from ingest.threads import in_thread
from schemas.event import PayloadRef

# The strictest documented sender gives up after 10 s; publishing needs its time after this.
PUT_DEADLINE_S = 5.0
# Each may hold a whole body in memory for as long as a store hangs.
_PUTS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Download:
    """A blob on its way out."""

    size: int
    _pieces: Iterator[bytes]

    async def piece(self) -> bytes:
        """Return the next bytes, none after the last; raises `BlobStoreError`."""
        return await in_thread(lambda: next(self._pieces, b""))


class AsyncBlobs:
    """Puts and reads blobs without blocking the event loop."""

    def __init__(self, blobs: BlobStore, put_deadline_s: float = PUT_DEADLINE_S) -> None:
        self._blobs = blobs
        self._put_deadline_s = put_deadline_s
        self._puts = asyncio.Semaphore(_PUTS_AT_ONCE)

    async def put(self, body: bytes, sha256: str) -> PayloadRef:
        """
        Return the reference once the bytes are durable; raises `BlobStoreError`.

        A store that hangs is one that is away: what it keeps after the deadline is harmless.
        """
        try:
            async with asyncio.timeout(self._put_deadline_s):
                return await self._put(body, sha256)
        except TimeoutError as error:
            raise BlobStoreError(f"no answer in {self._put_deadline_s:g} s") from error

    async def open(self, sha256: str) -> Download:
        """Begin to read; raises `BlobMissingError`, `BlobStoreError`."""
        opened = await in_thread(lambda: self._blobs.open(sha256))
        return Download(opened.size, opened.pieces)

    async def _put(self, body: bytes, sha256: str) -> PayloadRef:
        await self._puts.acquire()
        running = asyncio.ensure_future(in_thread(lambda: self._blobs.put(body, sha256)))
        running.add_done_callback(self._landed)
        return await asyncio.shield(running)

    def _landed(self, running: asyncio.Future[PayloadRef]) -> None:
        self._puts.release()
        if not running.cancelled():
            running.exception()  # seen: nobody may be waiting any more
