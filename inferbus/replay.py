"""The way back: what was quarantined or parked is published again and marked as replayed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from bus.blobs import BlobStore
from bus.deadletter import replay_record
from bus.errors import BusError
from bus.protocols import Publisher
from bus.records import Position, Record, event_record
from consumers.storage.rows import StoredDeadLetter, StoredQuarantine
from ingest.providers import PROVIDERS
from ingest.providers.base import MalformedDelivery
from ingest.redaction import redacted
from ingest.service import new_traceparent
from schemas.callback import Capability
from schemas.delivery import Delivery
from schemas.event import InferenceEvent, PayloadRef
from schemas.topics import TopicNames

# Acknowledgements are awaited and rows marked by this many.
_AT_ONCE = 50
_Row = TypeVar("_Row", bound="Replayable")


class Replayable(Protocol):
    """A stored row that can go back to its topic."""

    @property
    def event_id(self) -> str | None:
        """The id of its event, where it has one."""
        ...


@dataclass(frozen=True, slots=True)
class Step(Generic[_Row]):
    """One row on its way back: the records to publish, or why there are none."""

    row: _Row
    records: tuple[Record, ...] = ()
    events: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Replayed(Generic[_Row]):
    """What became of a step: where its records lie, or what went wrong."""

    step: Step[_Row]
    positions: tuple[Position, ...] = ()
    problem: str | None = None


def understand(
    held: StoredQuarantine, blobs: BlobStore, names: TopicNames, inline_limit_bytes: int
) -> Step[StoredQuarantine]:
    """
    Parse a quarantined delivery again, as its URL labelled it and as of its first arrival.

    An expiry that had passed is no obstacle: whoever replays has decided. Raises
    `BlobStoreError` where the body cannot be read back.
    """
    provider = PROVIDERS.get(held.provider)
    if provider is None:
        return Step(held, problem=f"no adapter for provider {held.provider}")
    try:
        delivery = _delivery(held, held.body(blobs))
        # Its body may quote the URL it was sent to; which headers came with it nobody kept.
        events = [redacted(event, delivery) for event in provider.parse(delivery)]
    except MalformedDelivery as finding:
        return Step(held, problem=f"still {finding.reason}: {finding.detail}")
    records = tuple(
        event_record(
            _claim_checked(event, held, blobs, inline_limit_bytes), names, new_traceparent()
        )
        for event in events
    )
    return Step(held, records, tuple(event.id for event in events))


def put_back(dead: StoredDeadLetter) -> Step[StoredDeadLetter]:
    """Return the step that puts a parked record where it lay, as it was."""
    return Step(dead, (replay_record(dead.letter()),), (dead.event_id or dead.dl_key,))


def publish_steps(
    steps: Iterable[Step[_Row]], publisher: Publisher, mark: Callable[[Sequence[_Row]], None]
) -> Iterator[Replayed[_Row]]:
    """
    Publish each step's records and say where they lie, once Kafka has acknowledged them.

    `mark` is called with the rows all of whose records were acknowledged, before they are
    returned. A step without records is passed on with its problem.
    """
    waiting = iter(steps)
    while part := list(islice(waiting, _AT_ONCE)):
        sent = [(step, [publisher.submit(record) for record in step.records]) for step in part]
        results = [_result(step, futures) for step, futures in sent]
        mark([result.step.row for result in results if result.problem is None])
        yield from results


def _result(step: Step[_Row], futures: Sequence["Future[Position]"]) -> Replayed[_Row]:
    if step.problem is not None:
        return Replayed(step, problem=step.problem)
    try:
        return Replayed(step, tuple(future.result() for future in futures))
    except BusError as error:
        return Replayed(step, problem=f"not acknowledged: {error}")


def _delivery(held: StoredQuarantine, body: bytes) -> Delivery:
    url = Capability(
        key_id="",
        payload_text=held.payload_text,
        model=held.model,
        labels=held.labels,
        job=held.job,
    )
    return Delivery(held.provider, body, held.received_at, url)


def _claim_checked(
    event: InferenceEvent, held: StoredQuarantine, blobs: BlobStore, inline_limit_bytes: int
) -> InferenceEvent:
    """Refer to the body where it lies in the blob store, or is too large to travel inline."""
    if held.body_ref is not None:
        ref = PayloadRef(held.body_ref, held.body_sha256, held.body_bytes)
    elif event.body is not None and len(event.body) > inline_limit_bytes:
        ref = blobs.put(event.body, event.body_sha256)
    else:
        return event
    return msgspec.structs.replace(event, body=None, payload_ref=ref)


def told(result: Replayed[Any], *, is_done: bool) -> dict[str, Any]:
    """Return what became of a row, or would, as a row for output."""
    return {
        "id": result.step.row.event_id or result.step.row.dl_key,
        "result": _result_word(result, is_done=is_done),
        "events": list(result.step.events),
        "topics": sorted({record.topic for record in result.step.records}),
        "problem": result.problem,
    }


def _result_word(result: Replayed[Any], *, is_done: bool) -> str:
    if result.problem is not None:
        return "kept"
    return "replayed" if is_done else "would be replayed"
