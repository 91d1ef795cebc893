"""Batches are read back by kafka-python as they were written."""

import struct

import pytest
from crc32c import crc32c
from hypothesis import given
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.memory_records import MemoryRecords

from bus.kafka.direct.batch import RECORD_FRAME_BYTES, _varint, encode_batch, encode_record, varint
from bus.limits import FRAME_BYTES
from bus.records import Record

RAW = st.binary(max_size=80) | (st.integers(60, 70) | st.integers(2040, 2060)).map(bytes)
HEADERS = st.lists(st.tuples(st.text(max_size=80), RAW), max_size=10).map(tuple)
RECORDS = st.builds(Record, st.just("t"), st.none() | RAW, st.none() | RAW, HEADERS)
TIMES = st.integers(0, 2**43)


def read(data: bytes) -> DefaultRecordBatch:
    """Return the one batch in the bytes, its checksum verified."""
    found = MemoryRecords(data)
    batch = found.next_batch()
    assert not found.has_next()
    assert batch.validate_crc()
    return batch


@given(st.lists(RECORDS, min_size=1, max_size=10), TIMES)
def test_every_batch_is_read_back(records: list[Record], time_ms: int) -> None:
    """Keys, values, headers in order, places, time, and the fields of the batch."""
    batch = read(encode_batch(records, time_ms))

    assert (batch.magic, batch.attributes, batch.last_offset_delta) == (2, 0, len(records) - 1)
    assert (batch.producer_id, batch.producer_epoch, batch.base_sequence) == (-1, -1, -1)
    assert (batch.first_timestamp, batch.max_timestamp) == (time_ms, time_ms)
    found = [(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in batch]
    assert found == [(place, time_ms, r.key, r.value, r.headers) for place, r in enumerate(records)]


@given(RECORDS)
def test_a_batch_of_one_is_no_larger_than_the_limit_assumes(record: Record) -> None:
    """The bound checked before queueing, but for long header names and other scripts in them."""
    more = sum(2 + len(name.encode()) - len(name) for name, _ in record.headers)

    assert len(encode_batch([record], 2**43)) <= record.size + FRAME_BYTES + more
    assert len(encode_record(record, 2**30)) <= record.size + RECORD_FRAME_BYTES + more


@pytest.mark.parametrize("size", [0, 1, 63, 64, 8191, 8192, 1_048_576])
def test_lengths_at_the_edges_of_varints(size: int) -> None:
    (record,) = read(encode_batch([Record("t", b"k", b"x" * size)], 1))

    assert record.value == b"x" * size


@given(st.integers(-1, 2**31 - 1))
def test_varints_are_kafkas(number: int) -> None:
    """Against the client's own encoder."""
    from kafka.record.util import encode_varint

    expected = bytearray()
    encode_varint(number, expected.append)

    assert _varint(number) == bytes(expected)
    assert number < 0 or varint(number) == bytes(expected)


def test_the_checksum_covers_all_that_follows_it() -> None:
    """The same bytes as the specification's: from the attributes to the end."""
    data = encode_batch([Record("t", None, None)], 5)

    assert struct.unpack_from(">I", data, 17) == (crc32c(data[21:]),)
    assert struct.unpack_from(">i", data, 8) == (len(data) - 12,)


@pytest.mark.parametrize(
    "record",
    [
        Record("t", "text", b"v"),  # type: ignore[arg-type] # what a caller may do wrong
        Record("t", b"k", 5),  # type: ignore[arg-type]
        Record("t", b"k", b"v", (("h", None),)),  # type: ignore[arg-type]
        Record("t", b"k", b"v", ((b"h", b"v"),)),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_record_is_an_error(record: Record) -> None:
    """And never a broken batch."""
    with pytest.raises((TypeError, ValueError, AttributeError)):
        encode_batch([record], 1)
