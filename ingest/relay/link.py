"""The connection to a relay's process."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from ingest.relay.messages import Batch, Inbox, Report, packed


class RelayProcess(Protocol):
    """A relay's process as its parent holds it."""

    async def connect(self, link: asyncio.Protocol) -> None:
        """Have `link` talk with it from now on."""
        ...

    def kill(self) -> None:
        """End it at once. Does nothing where it has ended."""
        ...

    async def status(self) -> int:
        """Return its exit status once it has ended, minus the signal's number."""
        ...


class Link(asyncio.Protocol):
    """Sends batches and hears reports, on the running event loop, until either side goes."""

    def __init__(self, heard: Callable[[Report], object]) -> None:
        self._heard = heard
        self._inbox: Inbox[Report] = Inbox(Report)
        self._transport: asyncio.WriteTransport | None = None
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reports = 0
        """How many were heard."""

    def send(self, batch: Batch) -> None:
        """Send it; the process that has gone does not get it."""
        if self._transport is not None:
            self._transport.write(packed(batch))

    def close(self) -> None:
        """Go; the process then ends by itself."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - a stream's is one
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        for report in self._inbox.take(data):
            self.reports += 1
            self._heard(report)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        del exc
        self._transport = None
        if not self.gone.done():
            self.gone.set_result(None)
