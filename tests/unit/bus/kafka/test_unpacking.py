"""Our unpacking reads what the client's own does, and refuses what that refuses."""

import struct
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition as ClientPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.protocol.consumer import IsolationLevel
from kafka.record import MemoryRecords
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.legacy_records import LegacyRecordBatchBuilder

from bus.kafka.unpacking import UNREADABLE, QuickRecords
from bus.records import Position, ReceivedRecord

TP = ClientPartition("t", 3)
FIRST, GZIP = 100, 1
CONTROL, COMMIT, ABORT = 0x20, 1, 0
Told = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]

some_bytes = st.binary(max_size=200)
told = st.tuples(
    st.none() | some_bytes,
    st.none() | some_bytes,
    st.lists(st.tuples(st.text(max_size=80), st.none() | some_bytes), max_size=4),
)


def batch(records: Iterable[Told], first: int = FIRST, **options: Any) -> bytes:
    """Return the bytes of a batch of format v2."""
    given_options: dict[str, Any] = {
        "magic": 2,
        "compression_type": 0,
        "is_transactional": 0,
        "producer_id": -1,
        "producer_epoch": -1,
        "base_sequence": -1,
        "batch_size": 1 << 20,
    }
    builder = DefaultRecordBatchBuilder(**given_options | options)
    for number, (key, value, headers) in enumerate(records):
        builder.append(number, 1_700_000_000_000 + number * 7, key, value, headers)
    return struct.pack(">q", first) + bytes(builder.build())[8:]


def mark(first: int, producer_id: int, kind: int) -> bytes:
    """Return the batch that ends a transaction."""
    key = struct.pack(">hh", 0, kind)
    data = bytearray(batch([(key, b"", [])], first, is_transactional=1, producer_id=producer_id))
    data[22] |= CONTROL
    data[17:21] = struct.pack(">I", crc32c.crc32c(bytes(data[21:])))
    return bytes(data)


def parts(
    kind: type, data: bytes, fetch_offset: int = FIRST, aborted: Sequence[Any] = (), **options: Any
) -> Any:
    """Return a partition's part of a fetch."""
    return kind(
        fetch_offset,
        TP,
        MemoryRecords(data),
        isolation_level=IsolationLevel.READ_COMMITTED,
        aborted_transactions=list(aborted),
        **options,
    )


def ours_of(record: Any) -> ReceivedRecord:
    return ReceivedRecord(
        record.topic,
        record.key,
        record.value,
        tuple((name, raw or b"") for name, raw in record.headers),
        position=Position(record.topic, record.partition, record.offset),
        timestamp_ms=record.timestamp,
    )


def taken(records: Any, most: int) -> list[ReceivedRecord]:
    """Return the next records with their headers read."""
    return [
        ReceivedRecord(
            each.topic,
            each.key,
            each.value,
            each.headers,
            position=each.position,
            timestamp_ms=each.timestamp_ms,
        )
        for each in records.take(most)
    ]


@given(
    batches=st.lists(st.lists(told, min_size=1, max_size=5), max_size=3),
    compression=st.sampled_from([0, GZIP]),
    skipped=st.integers(0, 4),
    take=st.integers(1, 4),
)
def test_the_same_records_as_the_client_unpacks(
    batches: list[list[Told]], compression: int, skipped: int, take: int
) -> None:
    """Few at a time, from the middle of a batch on, and with the same place to go on from."""
    data, first = b"", FIRST
    for records in batches:
        data += batch(records, first, compression_type=compression)
        first += len(records)
    mine, theirs = (
        parts(k, data, FIRST + skipped) for k in (QuickRecords, Fetcher.PartitionRecords)
    )

    while theirs:
        expected = [ours_of(record) for record in theirs.take(take)]
        assert taken(mine, take) == expected
        assert (mine.next_fetch_offset, bool(mine)) == (theirs.next_fetch_offset, bool(theirs))
        assert mine.leader_epoch == theirs.leader_epoch


def test_a_transaction_that_was_taken_back_is_not_read() -> None:
    """Nor is any mark; what was committed is, and what nobody wrote in a transaction."""
    data = (
        batch([(b"k", b"aborted", [])], 100, is_transactional=1, producer_id=7)
        + batch([(b"k", b"committed", [])], 101, is_transactional=1, producer_id=8)
        + batch([(b"k", b"plain", [])], 102)
        + mark(103, 7, ABORT)
        + mark(104, 8, COMMIT)
        + batch([(b"k", b"later", [])], 105, is_transactional=1, producer_id=7)
        + mark(106, 7, COMMIT)
    )
    aborted = [SimpleNamespace(producer_id=7, first_offset=100)]
    mine = parts(QuickRecords, data, aborted=aborted)
    theirs = parts(Fetcher.PartitionRecords, data, aborted=aborted)

    found = taken(mine, 10)

    assert [record.value for record in found] == [b"committed", b"plain", b"later"]
    assert found == [ours_of(record) for record in theirs.take(10)]
    assert mine.next_fetch_offset == theirs.next_fetch_offset == 107


def test_records_of_an_old_format_are_read() -> None:
    """A topic may be older than format v2; those have no headers."""
    builder = LegacyRecordBatchBuilder(magic=1, compression_type=0, batch_size=1 << 20)
    builder.append(0, 1_700_000_000_000, b"k", b"v")
    builder.append(1, 1_700_000_000_001, None, None)
    data = bytes(builder.build())

    mine = parts(QuickRecords, data, 0).take(10)

    assert mine == [
        ReceivedRecord(
            "t", b"k", b"v", position=Position("t", 3, 0), timestamp_ms=1_700_000_000_000
        ),
        ReceivedRecord(
            "t", None, None, position=Position("t", 3, 1), timestamp_ms=1_700_000_000_001
        ),
    ]


def test_a_damaged_batch_is_refused_after_the_ones_before_it() -> None:
    """By its checksum, whichever bit it is."""
    data = bytearray(batch([(b"k", b"good", [])]) + batch([(b"k", b"bad", [])], FIRST + 1))
    data[-6] ^= 1
    mine = parts(QuickRecords, bytes(data))

    assert [record.value for record in mine.take(10)] == [b"good"]
    with pytest.raises(CorruptRecordError, match="the batch at 101 is damaged"):
        mine.take(10)


@given(records=st.lists(told, min_size=1, max_size=3), data=st.data())
def test_nonsense_with_a_right_checksum_is_refused_as_corrupt(
    records: list[Told], data: st.DataObject
) -> None:
    """Nothing but that error comes out of it, however lengths and counts lie."""
    raw = bytearray(batch(records))
    at = data.draw(st.integers(57, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255))
    mine = parts(QuickRecords, bytes(raw), check_crcs=False)

    try:
        read = taken(mine, 10)
    except CorruptRecordError:
        return
    assert len(read) <= len(records)


def test_headers_that_cannot_be_read_are_kept_as_they_are() -> None:
    """The record is understood without them, and what parks it loses no byte."""
    raw = bytearray(batch([(b"k", b"v", [("name", b"value")])]))
    raw[raw.index(b"name")] = 0xFF
    [record] = parts(QuickRecords, bytes(raw), check_crcs=False).take(10)

    assert (record.key, record.value) == (b"k", b"v")
    assert record.headers == ((UNREADABLE, b"\x02\x08\xffame\x0avalue"),)
    assert record.header("name") is None


def test_an_unpacked_record_shows_neither_its_value_nor_its_headers() -> None:
    """A log line that names a record must not hold what a sender wrote."""
    [record] = parts(QuickRecords, batch([(b"k", b"secret", [("h", b"secret")])])).take(1)

    assert "secret" not in repr(record)
    assert record.size == len(b"k") + len(b"secret") + len("h") + len(b"secret") + 4
