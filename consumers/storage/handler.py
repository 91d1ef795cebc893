"""The worker's handler: a batch of records becomes one transaction."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from bus.blobs import BlobStoreError
from bus.errors import Poison, Transient
from bus.records import ReceivedRecord
from bus.runtime.health import Check
from bus.runtime.metrics import (
    CONFLICTS,
    INFERENCE_COST_USD,
    INFERENCE_RUNTIME_SECONDS,
    cap_model,
    observe_all,
)
from consumers.gate import SchemaGate
from consumers.storage.reading import read_batch
from consumers.storage.sinks.base import Batch, Sink
from consumers.storage.sinks.mapping import int64
from schemas.event import InferenceEvent
from schemas.topics import TopicNames

log = structlog.get_logger()

CONSUMER = "storage"


class BlobPresence(Protocol):
    """What is needed of a blob store to know whether a body is there."""

    def has(self, sha256: str) -> bool:
        """Tell whether there is a blob with this hash. Raises `BlobStoreError`."""
        ...


class StorageHandler:
    """
    Writes batches to a sink.

    An event whose blob is gone is stored all the same, with its reference: what the record
    itself says must not be lost too. It is logged, and named in `blobs`.
    """

    def __init__(
        self, sink: Sink, topics: TopicNames, blobs: BlobPresence, gate: SchemaGate
    ) -> None:
        self._sink = sink
        self._topics = topics
        self._blobs = blobs
        self._gate = gate
        self._lost_blobs = 0
        self._foreseen: tuple[Sequence[ReceivedRecord], Batch] | None = None

    def handle(self, batch: Sequence[ReceivedRecord]) -> None:
        """Return once the batch is stored. Raises `Poison` or `Transient`, nothing kept."""
        said = self._read(batch)
        self._gate.require()
        lost = self._without_blob(said)
        written = self._sink.write(said)
        CONFLICTS.inc(written.conflicts)
        _measure(written.events)
        for event in written.events:
            if event.id in lost:
                self._tell_lost(event.id, event.body_sha256)

    def foresee(self, batch: Sequence[ReceivedRecord]) -> None:
        """Read and prepare a batch before its turn, in a thread beside `handle`'s."""
        # What cannot be read is said when the batch is handled.
        with suppress(Poison):
            said = read_batch(batch, self._topics, CONSUMER)
            self._foreseen = batch, self._sink.prepare(said)

    def blobs(self) -> Check:
        """Say whether every event stored since the start has its body; losses only degrade."""
        if self._lost_blobs == 0:
            return Check()
        return Check(
            f"{self._lost_blobs} stored events refer to bodies that are not in the blob store:"
            " `inferbus audit` lists them",
            is_degraded=True,
        )

    def _read(self, batch: Sequence[ReceivedRecord]) -> Batch:
        foreseen, self._foreseen = self._foreseen, None
        if foreseen is not None and foreseen[0] is batch:
            return foreseen[1]
        return read_batch(batch, self._topics, CONSUMER)

    def _without_blob(self, said: Batch) -> frozenset[str]:
        """Return the ids of events whose body is in no blob; raises `Transient`."""
        offloaded = (each.content for each in said.events if each.content.payload_ref)
        try:
            return frozenset(e.id for e in offloaded if not self._blobs.has(e.body_sha256))
        except BlobStoreError as error:
            raise Transient(f"blob store: {error}") from error

    def _tell_lost(self, event_id: str, body_sha256: str) -> None:
        self._lost_blobs += 1
        log.error("blob_missing", event_id=event_id, body_sha256=body_sha256)


def _measure(events: Iterable[InferenceEvent]) -> None:
    by_model: defaultdict[str | None, list[InferenceEvent]] = defaultdict(list)
    for event in events:
        by_model[event.model].append(event)
    for model, its_events in by_model.items():
        _measure_model(cap_model(model), its_events)


def _measure_model(model: str, events: Collection[InferenceEvent]) -> None:
    runtimes_ms = [ms for event in events if (ms := int64(event.runtime_ms)) is not None]
    costs = [float(event.cost_usd) for event in events if event.cost_usd is not None]
    if runtimes_ms:
        observe_all(INFERENCE_RUNTIME_SECONDS.labels(model), [ms / 1000 for ms in runtimes_ms])
    if costs:
        INFERENCE_COST_USD.labels(model).inc(sum(costs))
