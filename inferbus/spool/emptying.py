"""Publishing entries once each; what Kafka has acknowledged is released."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from bus.blobs import BlobStoreError
from bus.errors import BusError, PublishTimeoutError, RecordRefusedError
from bus.protocols import Publisher
from bus.records import Position, Record
from ingest.spool.frames import Entry
from ingest.spool.spool import Ref, Spool
from schemas.codec import SchemaError

# As much as the drainer of an ingest has under way.
_AT_ONCE = 64
_READ_BYTES = 8 << 20

Prepare = Callable[[Entry], Awaitable[Record]]


@dataclass(frozen=True, slots=True)
class Emptied:
    """What became of an entry: its record's position, or why it stays in the spool."""

    ref: Ref
    entry: Entry
    position: Position | None = None
    problem: str | None = None


class KafkaAwayError(Exception):
    """Kafka acknowledges nothing: trying every entry would take half a minute each."""


class Emptying:
    """Publishes what an opened spool holds, under the same event ids."""

    def __init__(self, spool: Spool, publisher: Publisher, prepare: Prepare) -> None:
        self._spool = spool
        self._publisher = publisher
        self._prepare = prepare
        self._silence: str | None = None

    async def publish(self, refs: Sequence[Ref]) -> AsyncIterator[Emptied]:
        """
        Publish these entries and say what became of each.

        Raises `KafkaAwayError` after a part of which nothing was acknowledged in time; what
        was not tried stays as it is.
        """
        for part in _parts(refs):
            done = await self._publish_part(part)
            for emptied in done:
                yield emptied
            if self._silence and not any(emptied.position for emptied in done):
                raise KafkaAwayError(self._silence)

    async def _publish_part(self, refs: Sequence[Ref]) -> list[Emptied]:
        done: list[Emptied] = []
        left = list(refs)
        while left:
            entries = await self._spool.read(left, _READ_BYTES)
            found = zip(left, entries, strict=False)
            left = left[len(entries) :]
            tries = (self._publish_one(ref, entry) for ref, entry in found if entry is not None)
            done += await asyncio.gather(*tries)
        return done

    async def _publish_one(self, ref: Ref, entry: Entry) -> Emptied:
        try:
            record = await self._prepare(entry)
            position = await self._publisher.publish(record)
        except RecordRefusedError as error:
            self._spool.refuse(ref, str(error))
            return Emptied(ref, entry, problem=f"set aside: {error}")
        except PublishTimeoutError as error:
            self._silence = str(error)
            return Emptied(ref, entry, problem=str(error))
        except (BusError, BlobStoreError, SchemaError) as error:
            return Emptied(ref, entry, problem=str(error))
        self._spool.release(ref)
        return Emptied(ref, entry, position)


def _parts(refs: Sequence[Ref]) -> Iterator[list[Ref]]:
    """Yield the entries oldest first, each part of one sub-spool."""
    by_journal = sorted(refs, key=lambda ref: (ref.journal, ref.id))
    for _, group in groupby(by_journal, key=lambda ref: ref.journal):
        while part := list(islice(group, _AT_ONCE)):
            yield part
