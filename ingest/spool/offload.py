"""The claim check of a record that was spooled with its whole body, made up for when draining."""

import msgspec

from bus.blobs import BlobStore
from bus.records import Record
from ingest.spool.frames import Entry
from ingest.threads import in_thread
from schemas.codec import decode_event, decode_quarantined, encode_event, quarantine_headers
from schemas.topics import TopicNames


class Offload:
    """Gives each entry's record as it is to be published."""

    def __init__(self, blobs: BlobStore, topics: TopicNames) -> None:
        self._blobs = blobs
        self._quarantine = topics.of("quarantine")

    async def __call__(self, entry: Entry) -> Record:
        """Return the record; a whole body goes to the blob store first: `BlobStoreError`."""
        if not entry.is_whole:
            return entry.record
        if entry.topic == self._quarantine:
            return await self._offload_quarantined(entry)
        return await self._offload_event(entry)

    async def _offload_event(self, entry: Entry) -> Record:
        event = decode_event(entry.value)
        ref = await in_thread(lambda: self._blobs.put(event.body or b"", event.body_sha256))
        event = msgspec.structs.replace(event, body=None, payload_ref=ref)
        return Record(entry.topic, entry.key, encode_event(event), entry.headers)

    async def _offload_quarantined(self, entry: Entry) -> Record:
        held = decode_quarantined(entry.value, entry.headers)
        ref = await in_thread(lambda: self._blobs.put(entry.value, held.body_sha256))
        held = msgspec.structs.replace(held, body=None, payload_ref=ref)
        traceparent = entry.record.header("traceparent")
        return Record(entry.topic, entry.key, b"", quarantine_headers(held, traceparent))
