"""The relay's own side: publishes what it is sent, and reports what became of it."""

import asyncio
import socket
from functools import partial

from bus.errors import BusError, RecordRefusedError, word_of
from bus.protocols import Outcome, Publisher
from bus.turns import OncePerTurn
from ingest.relay.messages import Batch, Failure, Inbox, Report, packed

# The ingress takes a relay that says nothing for much longer as one that is stuck.
_REPORT_EVERY_S = 0.25


async def serve(end: socket.socket, publisher: Publisher) -> None:
    """Publish what comes until the ingress goes."""
    serving = Serving(publisher)
    await asyncio.get_running_loop().create_unix_connection(lambda: serving, sock=end)
    while not serving.has_ended:
        serving.turn.ask()
        await asyncio.sleep(_REPORT_EVERY_S)


class Serving(asyncio.Protocol):
    """One connection to the ingress, on the running event loop."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._inbox: Inbox[Batch] = Inbox(Batch)
        self._transport: asyncio.WriteTransport | None = None
        self._acknowledged: list[int] = []
        self._refused: dict[int, Failure] = {}
        self._failed: dict[int, Failure] = {}
        self.has_ended = False
        """Whether the ingress has gone."""
        self.turn = OncePerTurn(self._report)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - a stream's is one
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        for batch in self._inbox.take(data):
            for entry_id, record in batch:
                self._publisher.send(record, partial(self._landed, entry_id))

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        del exc
        self.has_ended = True
        self._transport = None

    def _landed(self, entry_id: int, outcome: Outcome) -> None:
        if isinstance(outcome, RecordRefusedError):
            self._refused[entry_id] = _failure(outcome)
        elif isinstance(outcome, BusError):
            self._failed[entry_id] = _failure(outcome)
        else:
            self._acknowledged.append(entry_id)
        self.turn.ask()

    def _report(self) -> None:
        """Tell all that the turn has brought; to an ingress that has gone it is lost."""
        report = Report(self._acknowledged, self._refused, self._failed, self._publisher.healthy())
        self._acknowledged, self._refused, self._failed = [], {}, {}
        if self._transport is not None:
            self._transport.write(packed(report))


def _failure(error: BusError) -> Failure:
    return Failure(word_of(error), str(error))
