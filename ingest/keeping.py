"""Making a record durable: until something here returns, no delivery is acknowledged."""

import asyncio
from typing import Literal, Protocol

import msgspec

from bus.errors import BusError, PublishTimeoutError
from bus.protocols import Publisher
from bus.records import Position, Record


class NotDurableError(Exception):
    """Nothing that survives this process holds the record; the sender must keep it."""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """What holds the record, and where it lies in Kafka if Kafka is what holds it."""

    by: Literal["kafka", "spool"]
    position: Position | None


class Keeper(Protocol):
    """Makes records durable."""

    async def keep(self, record: Record, event_id: str, body_sha256: str) -> Kept:
        """Return once the record is durable; raises `NotDurableError`."""
        ...

    async def keep_whole(self, record: Record, event_id: str, body_sha256: str) -> Kept:
        """
        Keep a record with a body that belongs into the blob store, which is away.

        Such a record is too large for Kafka; raises `NotDurableError` where nothing else can
        hold it.
        """
        ...


class KafkaKeeper:
    """Durable is what Kafka has acknowledged within the publish deadline."""

    def __init__(self, publisher: Publisher, deadline_s: float) -> None:
        self._publisher = publisher
        self._deadline_s = deadline_s

    async def keep(self, record: Record, event_id: str, body_sha256: str) -> Kept:
        """See `Keeper`. A late acknowledgement is of no use to the sender: it will retry."""
        del event_id, body_sha256
        try:
            async with asyncio.timeout(self._deadline_s):
                return Kept("kafka", await self._publisher.publish(record))
        except (TimeoutError, PublishTimeoutError) as error:
            reason = self._publisher.healthy() or f"no acknowledgement in {self._deadline_s:g} s"
            raise NotDurableError(f"Kafka: {reason}") from error
        except BusError as error:
            raise NotDurableError(f"Kafka: {error}") from error

    async def keep_whole(self, record: Record, event_id: str, body_sha256: str) -> Kept:
        """See `Keeper`: Kafka cannot hold it."""
        del record, event_id, body_sha256
        raise NotDurableError("the blob store is away and there is no spool")
