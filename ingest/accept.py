"""The use case: understand a delivery, make its events durable, say where they are."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping

import msgspec
import structlog

from bus.blobs import BlobStore, BlobStoreError
from bus.records import Record, event_record, quarantine_record
from ingest.blobs import PUT_DEADLINE_S, AsyncBlobs
from ingest.keeping import Keeper, Kept, NotDurableError
from ingest.providers.base import MalformedDelivery, Provider
from ingest.redaction import redacted
from ingest.remembered import Remembered
from ingest.report import Answer, EventReceipt, refused
from schemas.delivery import Delivery
from schemas.event import InferenceEvent, Quarantined
from schemas.ids import content_id, event_id
from schemas.topics import TopicNames

log = structlog.get_logger()

Item = InferenceEvent | Quarantined
_Identity = tuple[str, str]
_Understood = tuple[list[Item], MalformedDelivery | None]

REMEMBERED = 10_000
# Larger bodies would hold up the event loop for milliseconds.
_THREAD_ABOVE_BYTES = 262_144


class Acceptor:
    """
    Accepts authenticated deliveries; knows no HTTP.

    Deliveries with the same event id *and* the same body share one outcome; the same id with
    other bytes is always published, for storage to keep as a conflict.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        keeper: Keeper,
        blobs: BlobStore,
        topics: TopicNames,
        *,
        inline_limit_bytes: int,
        traceparent: Callable[[], str],
        blob_deadline_s: float = PUT_DEADLINE_S,
    ) -> None:
        self._providers = providers
        self._keeper = keeper
        self._blobs = AsyncBlobs(blobs, blob_deadline_s)
        self._topics = topics
        self._inline_limit_bytes = inline_limit_bytes
        self._traceparent = traceparent
        self._inflight: dict[_Identity, _Running] = {}
        self._durable = Remembered[_Identity, _Outcome](REMEMBERED)

    def knows(self, provider: str) -> bool:
        """Tell whether there is an adapter for the provider."""
        return provider in self._providers

    async def accept(self, delivery: Delivery, now_s: float) -> Answer:
        """Return what to answer once every event of the delivery is durable, or one is not."""
        try:
            items, why = await self._understand_aside(delivery, now_s)
            outcomes = [await self._keep_once(item) for item in items]
        except NotDurableError as error:
            return refused("not-durable", f"{error}; the sender must try again")
        return _answer(delivery, outcomes, why)

    async def _understand_aside(self, delivery: Delivery, now_s: float) -> _Understood:
        if len(delivery.body) > _THREAD_ABOVE_BYTES:
            return await asyncio.to_thread(self._understand, delivery, now_s)
        return self._understand(delivery, now_s)

    def _understand(self, delivery: Delivery, now_s: float) -> _Understood:
        try:
            _require_unexpired(delivery, now_s)
            events = self._providers[delivery.provider].parse(delivery)
            return [redacted(event, delivery) for event in events], None
        except MalformedDelivery as finding:
            return [_quarantined(delivery, finding)], finding

    async def _keep_once(self, item: Item) -> "_Shared":
        identity = (item.id, item.body_sha256)
        known = self._durable.get(identity)
        if known is not None:
            return _Shared(known, is_first=False)
        running = self._inflight.get(identity)
        if running is not None:
            return _Shared(await running.outcome(), is_first=False)
        return _Shared(await self._lead(identity, item), is_first=True)

    async def _lead(self, identity: _Identity, item: Item) -> "_Outcome":
        """Do the work that deliveries of the same identity wait for."""
        self._inflight[identity] = running = _Running()
        try:
            outcome = _Outcome(*await self._keep(item))
        except BaseException as error:
            running.failed(error)
            raise
        else:
            running.succeeded(outcome)
            self._durable.keep(identity, outcome)
            return outcome
        finally:
            del self._inflight[identity]

    async def _keep(self, item: Item) -> tuple[EventReceipt, str]:
        try:
            checked = await self._claim_check(item)
        except BlobStoreError as error:
            record = self._record(item)
            kept = await self._keep_whole(item, record, error)
        else:
            record = self._record(checked)
            kept = await self._keeper.keep(record, item.id, item.body_sha256)
        return _receipt(item, record, kept), kept.by

    async def _keep_whole(self, item: Item, record: Record, why: BlobStoreError) -> Kept:
        log.warning("blob_store_away", event_id=item.id, reason=str(why))
        try:
            return await self._keeper.keep_whole(record, item.id, item.body_sha256)
        except NotDurableError as error:
            raise NotDurableError(f"blob store: {why}; {error}") from error

    async def _claim_check(self, item: Item) -> Item:
        """Move a body above the inline limit to the blob store, before its record is published."""
        if item.body is None or len(item.body) <= self._inline_limit_bytes:
            return item
        ref = await self._blobs.put(item.body, item.body_sha256)
        return msgspec.structs.replace(item, body=None, payload_ref=ref)

    def _record(self, item: Item) -> Record:
        if isinstance(item, InferenceEvent):
            return event_record(item, self._topics, self._traceparent())
        return quarantine_record(item, self._topics, self._traceparent())


class _Outcome(msgspec.Struct, frozen=True, gc=False):
    receipt: EventReceipt
    durability: str


class _Running:
    """Work under way, and who waits for it besides the one that does it: almost never anyone."""

    __slots__ = ("_shared",)

    def __init__(self) -> None:
        self._shared: asyncio.Future[_Outcome] | None = None

    async def outcome(self) -> _Outcome:
        """Return the outcome once it is there; raises `NotDurableError` where there is none."""
        if self._shared is None:
            self._shared = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._shared)

    def succeeded(self, outcome: _Outcome) -> None:
        """Tell all that wait."""
        if self._shared is not None:
            self._shared.set_result(outcome)

    def failed(self, error: BaseException) -> None:
        """Tell all that wait that nothing is durable."""
        if self._shared is not None:
            self._shared.set_exception(NotDurableError(str(error)))
            self._shared.exception()  # seen: whoever waited may be gone


class _Shared(msgspec.Struct, frozen=True, gc=False):
    outcome: _Outcome
    is_first: bool


def _require_unexpired(delivery: Delivery, now_s: float) -> None:
    if delivery.capability.has_expired(now_s):
        raise MalformedDelivery("expired", "the callback URL's expiry has passed")


def _quarantined(delivery: Delivery, finding: MalformedDelivery) -> Quarantined:
    url = delivery.capability
    identity = content_id(url.payload_text, delivery.body)
    return Quarantined(
        id=event_id(delivery.provider, identity, "quarantined"),
        provider=delivery.provider,
        reason=finding.reason,
        detail=finding.detail,
        received_at=delivery.received_at,
        model=url.model,
        labels=url.labels,
        job=url.job,
        payload_text=url.payload_text,
        body_sha256=hashlib.sha256(delivery.body).hexdigest(),
        body_bytes=len(delivery.body),
        body=delivery.body,
    )


def _receipt(item: Item, record: Record, kept: Kept) -> EventReceipt:
    at = kept.position
    return EventReceipt(
        event_id=item.id,
        outcome=item.outcome,
        topic=record.topic,
        partition=None if at is None else at.partition,
        offset=None if at is None else at.offset,
    )


def _answer(delivery: Delivery, outcomes: list[_Shared], why: MalformedDelivery | None) -> Answer:
    spooled = any(shared.outcome.receipt.offset is None for shared in outcomes)
    status = "spooled" if spooled else "published"
    if outcomes and not any(shared.is_first for shared in outcomes):
        status = "duplicate"
    return Answer(
        status=status if why is None else "quarantined",
        durability="spool" if any(s.outcome.durability == "spool" for s in outcomes) else "kafka",
        events=tuple(shared.outcome.receipt for shared in outcomes),
        reason=None if why is None else why.reason,
        detail=None if why is None else why.detail,
        model=delivery.capability.model,
    )
