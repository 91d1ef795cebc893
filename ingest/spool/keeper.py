"""Keepers that have a spool: a delivery is durable on Kafka or on our disk, or it is refused."""

from collections.abc import Sequence
from functools import partial

import msgspec
import structlog

from bus.errors import RecordRefusedError
from bus.records import Position, Record
from ingest.keeping import Kept, NotDurableError
from ingest.relay.relay import Relay
from ingest.spool.drainer import Drainer
from ingest.spool.errors import SpoolError
from ingest.spool.first_send import FirstSends, Sent
from ingest.spool.pace import Traffic
from ingest.spool.releases import Releases
from ingest.spool.spool import Ref, Spool

log = structlog.get_logger()

# With neither spool nor Kafka so many deliveries at once find out whether Kafka is back. Each
# more would wait in vain, and arrive beside its repeat once Kafka answers.
MAX_PROBES = 8
_SPOOLED = Kept("spool", None)


class Delivered(msgspec.Struct, frozen=True, gc=False):
    """A record and whose it is."""

    record: Record
    event_id: str
    body_sha256: str


class Journaling:
    """What the keepers share: appending, and following a send whose entry is in the spool."""

    def __init__(
        self,
        spool: Spool,
        sends: FirstSends,
        drainer: Drainer,
        releases: Releases,
        traffic: Traffic,
    ) -> None:
        self._spool = spool
        self._drainer = drainer
        self._releases = releases
        self.sends = sends
        self.traffic = traffic

    async def append(self, it: Delivered, *, is_whole: bool = False) -> Ref:
        """
        Return once the record is on disk; raises `NotDurableError`.

        What gets there after its time is drained, though the sender was told to come again:
        storage knows both by the same event id.
        """
        try:
            return await self._spool.append(
                it.record, it.event_id, it.body_sha256, is_whole=is_whole
            )
        except SpoolError as error:
            raise NotDurableError(str(error)) from error

    def leave_to_drainer(self, ref: Ref) -> None:
        """Have an entry published that was never sent."""
        self._drainer.add([ref])

    def send(self, ref: Ref, record: Record) -> Sent:
        """Send the record of an entry that is on disk."""
        self._releases.sending(ref, record)
        sent = self.sends.begin(record)
        self.follow(ref, record, sent)
        return sent

    def follow(self, ref: Ref, record: Record, sent: Sent) -> None:
        """See to the entry once its send has resolved, however late."""
        sent.then(partial(self._resolved, ref, record, sent))

    def relayed(self, entry_ids: Sequence[int]) -> None:
        """See `Outcomes`."""
        for entry_id in entry_ids:
            self._releases.acknowledged(Ref(entry_id))

    def relay_refused(self, entry_id: int, reason: str) -> None:
        """See `Outcomes`."""
        log.error("spool_entry_refused", entry=entry_id, reason=reason)
        self._spool.refuse(Ref(entry_id), reason)

    def not_relayed(self, entry_ids: Sequence[int]) -> None:
        """See `Outcomes`."""
        self._drainer.add(map(Ref, entry_ids))

    def has_room(self) -> bool:
        """Tell whether the broker may be given more."""
        return self._releases.has_room()

    def _resolved(self, ref: Ref, record: Record, sent: Sent) -> None:
        if sent.position is not None:
            self._releases.acknowledged(ref)
        elif isinstance(sent.outcome, RecordRefusedError):
            reason = str(sent.outcome)
            log.error("spool_entry_refused", event_id=record.header("ce_id"), reason=reason)
            self._releases.refused(record)
            self._spool.refuse(ref, reason)
        else:
            self._drainer.add([ref])


class FallbackKeeper:
    """Kafka first; the spool where Kafka has not acknowledged within the publish deadline."""

    def __init__(self, journaling: Journaling) -> None:
        self._journaling = journaling
        self._probes = 0

    async def keep(self, record: Record, event_id: str, body_sha256: str) -> Kept:
        """See `Keeper`. An acknowledgement after the deadline only releases the entry."""
        self._journaling.traffic.deliveries += 1
        it = Delivered(record, event_id, body_sha256)
        if self._journaling.sends.may_begin():
            return await self._sent_first(it)
        try:
            ref = await self._journaling.append(it)
        except NotDurableError as error:
            # Without a spool there is only Kafka, and this its probe.
            return await self._kafka_alone(it, error)
        self._journaling.leave_to_drainer(ref)
        return Kept("spool", None)

    async def keep_whole(self, record: Record, event_id: str, body_sha256: str) -> Kept:
        """See `Keeper`."""
        return await keep_whole(self._journaling, Delivered(record, event_id, body_sha256))

    async def _sent_first(self, it: Delivered) -> Kept:
        sends = self._journaling.sends
        sent = sends.begin(it.record)
        position = await sends.within_deadline(sent)
        if position is None:
            position = await self._spooled_beside(it, sent)
        return Kept("spool" if position is None else "kafka", position)

    async def _spooled_beside(self, it: Delivered, sent: Sent) -> Position | None:
        """Spool what is still on its way; return its position if it arrived meanwhile."""
        try:
            ref = await self._journaling.append(it)
        except NotDurableError:
            if sent.position is not None:
                return sent.position
            raise
        # Resolved by now or later: either way its entry is seen to.
        self._journaling.follow(ref, it.record, sent)
        return sent.position

    async def _kafka_alone(self, it: Delivered, why: NotDurableError) -> Kept:
        if self._probes >= MAX_PROBES:
            raise why
        sends = self._journaling.sends
        self._probes += 1
        try:
            position = await sends.within_deadline(sends.begin(it.record))
        finally:
            self._probes -= 1
        if position is None:
            raise why
        return Kept("kafka", position)


class AlwaysKeeper:
    """
    The spool first, then Kafka: whatever Kafka does, the delivery is durable.

    `waits` for the acknowledgement until the publish deadline, so that the answer can name the
    position, or answers as soon as the entry is on disk.
    """

    def __init__(self, journaling: Journaling, *, waits: bool) -> None:
        self._journaling = journaling
        self._waits = waits

    async def keep(self, record: Record, event_id: str, body_sha256: str) -> Kept:
        """See `Keeper`."""
        self._journaling.traffic.deliveries += 1
        ref = await self._journaling.append(Delivered(record, event_id, body_sha256))
        sends = self._journaling.sends
        if not sends.may_begin() or not self._journaling.has_room():
            self._journaling.leave_to_drainer(ref)
            return Kept("spool", None)
        sent = self._journaling.send(ref, record)
        return Kept("spool", await sends.within_deadline(sent) if self._waits else None)

    async def keep_whole(self, record: Record, event_id: str, body_sha256: str) -> Kept:
        """See `Keeper`."""
        return await keep_whole(self._journaling, Delivered(record, event_id, body_sha256))


class RelayKeeper:
    """The spool first, and answered from there; a process of its own publishes what it holds."""

    def __init__(self, journaling: Journaling, relay: Relay) -> None:
        self._journaling = journaling
        self._relay = relay

    async def keep(self, record: Record, event_id: str, body_sha256: str) -> Kept:
        """See `Keeper`."""
        self._journaling.traffic.deliveries += 1
        ref = await self._journaling.append(Delivered(record, event_id, body_sha256))
        if self._relay.may_publish():
            self._relay.publish(ref.id, record)
        else:
            self._journaling.leave_to_drainer(ref)
        return _SPOOLED

    async def keep_whole(self, record: Record, event_id: str, body_sha256: str) -> Kept:
        """See `Keeper`."""
        return await keep_whole(self._journaling, Delivered(record, event_id, body_sha256))


async def keep_whole(journaling: Journaling, it: Delivered) -> Kept:
    """Leave both the blob store and Kafka to the drainer."""
    journaling.traffic.deliveries += 1
    journaling.leave_to_drainer(await journaling.append(it, is_whole=True))
    return Kept("spool", None)
