"""
Record batches to our records, past the client's own unpacking.

kafka-python decodes every number by a call, measures every header and builds two objects a
record, and we built a third: 20 µs of CPU a record of 1 KB with seven headers. This takes 3, and
5 more where headers are asked for. What the client checks is checked here too: checksums,
transactions, and that a record is as long as it says.
"""

from collections.abc import Iterator
from typing import Any

from kafka import TopicPartition as ClientPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.protocol.consumer import IsolationLevel

from bus.records import Position, ReceivedRecord
from schemas.codec import Headers

UNREADABLE = "inferbus_unreadable_headers"
_FORMAT_V2 = 2
_APPEND_TIME = 1
_MORE = 0x80  # of a number's byte: another one follows
_LONG_OR_NONE = 0x81  # of a size's first byte: it goes on, or it is negative
_BITS = 70  # ten bytes of seven hold a number of 64 bits


def unpack_quickly(consumer: Any) -> None:
    """Make the client's consumer hand over `ReceivedRecord`s."""
    consumer._fetcher.PartitionRecords = QuickRecords  # noqa: SLF001 - it has no such option


class QuickRecords(Fetcher.PartitionRecords):  # type: ignore[misc] # the client has no types
    """One partition's part of a fetch."""

    def _maybe_skip_record(self, record: ReceivedRecord) -> bool:
        return record.position.offset < int(self.fetch_offset)

    def _unpack_records(
        self, tp: ClientPartition, records: Any, *_deserializers: object
    ) -> Iterator[ReceivedRecord]:
        batch = None
        for batch in iter(records.next_batch, None):
            if self.check_crcs and not batch.validate_crc():
                raise CorruptRecordError(f"{tp}: the batch at {batch.base_offset} is damaged")
            if self._is_skipped(batch):
                self.next_fetch_offset = batch.next_offset
                continue
            for record in _records(tp, batch):
                self.next_fetch_offset = record.position.offset + 1
                yield record
        if batch is not None and batch.magic == _FORMAT_V2:
            # Compaction may have removed the last records of a batch.
            self.next_fetch_offset = batch.next_offset
        self.drain()

    def _is_skipped(self, batch: Any) -> bool:
        """Tell whether it is a transaction's mark, or was taken back by one."""
        if batch.magic != _FORMAT_V2:
            return False
        self.leader_epoch = batch.leader_epoch
        if self.isolation_level == IsolationLevel.READ_COMMITTED and batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return True
        return bool(batch.is_control_batch)


class UnpackedRecord(ReceivedRecord, frozen=True, kw_only=True):
    """
    A record whose headers are read when someone asks for them.

    Seven headers take 5 µs, the rest of a record 3; storing an event needs none of them.
    """

    packed_headers: bytes

    @property  # type: ignore[misc] # it stands in place of the field
    def headers(self) -> Headers:
        """All headers, in order; those that no client could read as one of their bytes."""
        try:
            return _headers(self.packed_headers)
        except (IndexError, ValueError):
            return ((UNREADABLE, self.packed_headers),)


def _records(tp: ClientPartition, batch: Any) -> Iterator[ReceivedRecord]:
    if batch.magic != _FORMAT_V2:
        return (_as_ours(tp, record) for record in batch)
    batch._maybe_uncompress()  # noqa: SLF001 - iterating would do it, and unpack
    return _unpack(tp, batch, bytes(batch._buffer), batch._pos)  # noqa: SLF001


def _as_ours(tp: ClientPartition, record: Any) -> ReceivedRecord:
    if not record.validate_crc():
        raise CorruptRecordError(f"{tp}: the record at {record.offset} is damaged")
    return ReceivedRecord(
        tp.topic,
        record.key,
        record.value,
        position=Position(tp.topic, tp.partition, record.offset),
        timestamp_ms=record.timestamp,
    )


def _unpack(tp: ClientPartition, batch: Any, data: bytes, at: int) -> Iterator[ReceivedRecord]:
    topic, number = tp
    first_offset, first_ms = batch.base_offset, batch.first_timestamp
    appended_ms = batch.max_timestamp if batch.timestamp_type == _APPEND_TIME else None
    try:
        for _ in range(batch.records_count):
            length, at = _varint(data, at)
            end = at + length
            delta_ms, at = _varint(data, at + 1)  # past the attributes, a byte without a meaning
            offset_delta, at = _varint(data, at)
            key, at = _bytes(data, at)
            value, at = _bytes(data, at)
            if not at < end <= len(data):
                raise CorruptRecordError(f"{tp}: a record of {length} bytes ends elsewhere")
            yield UnpackedRecord(
                topic,
                key,
                value,
                position=Position(topic, number, first_offset + offset_delta),
                timestamp_ms=first_ms + delta_ms if appended_ms is None else appended_ms,
                packed_headers=data[at:end],
            )
            at = end
    except (IndexError, ValueError) as error:
        raise CorruptRecordError(f"{tp}: a record cannot be read: {error}") from error
    if at != len(data):
        raise CorruptRecordError(f"{tp}: {len(data) - at} bytes follow the last record")


def _headers(data: bytes) -> Headers:
    count, at = _varint(data, 0)
    if count < 0:
        raise ValueError("a negative number of headers")
    headers = []
    for _ in range(count):
        name, at = _bytes(data, at)
        if name is None:
            raise ValueError("a header without a name")
        raw, at = _bytes(data, at)
        headers.append((name.decode(), raw or b""))
    if at != len(data):
        raise ValueError("the headers end elsewhere")
    return tuple(headers)


def _bytes(data: bytes, at: int) -> tuple[bytes | None, int]:
    size = data[at]
    at += 1
    if size & _LONG_OR_NONE:
        size, at = _varint(data, at - 1)
        if size < 0:
            return None, at
    else:
        size >>= 1
    return data[at : at + size], at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    if byte < _MORE:  # most are of one byte or two
        return (byte >> 1) ^ -(byte & 1), at + 1
    second = data[at + 1]
    if second < _MORE:
        number = byte & 0x7F | second << 7
        return (number >> 1) ^ -(number & 1), at + 2
    return _long_varint(data, at)


def _long_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    byte = _MORE
    while byte & _MORE:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if shift > _BITS:
            raise ValueError("a number of more than 64 bits")
    return (number >> 1) ^ -(number & 1), at
