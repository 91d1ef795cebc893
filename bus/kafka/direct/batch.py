"""Records as one batch of Kafka's record format v2: what a produce request carries a partition."""

import struct
from collections.abc import Sequence
from functools import lru_cache

from crc32c import crc32c

from bus.records import Record
from schemas.codec import Headers

# The most a record takes beside its key, value and headers: its own length 5, attributes 1,
# time 1, place 5, lengths of key and value 5 each, number of headers 5.
RECORD_FRAME_BYTES = 27

# Offset, length, leader's epoch, magic, checksum: the broker sets the first, the rest is ours.
_HEAD = struct.Struct(">qiibI")
# What the checksum covers: attributes, last place, first and last time, producer id and epoch,
# sequence, count. Neither compressed nor idempotent nor in a transaction.
_BODY = struct.Struct(">hiqqqhii")
_MAGIC = 2
_UNKNOWN = -1
_ROOM_FOR_HEAD = bytes(_HEAD.size)
# The batch's length counts what follows it.
_BEFORE_LENGTH_ENDS = 12


def encode_batch(records: Sequence[Record], timestamp_ms: int) -> bytearray:
    """
    Return the records as one batch, all made at `timestamp_ms` (Unix time).

    About 4 µs a record of 1 KB with seven headers, 15 of 165 KB: what is large is copied once.
    Raises `TypeError`, `ValueError` or `AttributeError` where a record holds something that is
    no text or bytes.
    """
    times = (timestamp_ms, timestamp_ms)
    no_producer = (_UNKNOWN, _UNKNOWN, _UNKNOWN)
    body = _BODY.pack(0, len(records) - 1, *times, *no_producer, len(records))
    parts = [_ROOM_FOR_HEAD, body]
    for place, record in enumerate(records):
        parts += _parts_of(record, place)
    batch = bytearray().join(parts)
    with memoryview(batch) as whole:
        checksum = crc32c(whole[_HEAD.size :])
    _HEAD.pack_into(batch, 0, 0, len(batch) - _BEFORE_LENGTH_ENDS, _UNKNOWN, _MAGIC, checksum)
    return batch


def encode_record(record: Record, place: int) -> bytes:
    """Return one record, `place` counted from the batch's first."""
    return b"".join(_parts_of(record, place))


def _parts_of(record: Record, place: int) -> tuple[bytes, bytes, bytes, bytes]:
    """Return what a record is made of: its length, all before its value, the value, the rest."""
    key, value = record.key, record.value
    begin = [_ATTRIBUTES_AND_TIME, varint(place)]
    begin += (_NULL,) if key is None else (varint(len(key)), key)
    begin.append(_NULL if value is None else varint(len(value)))
    before, value, rest = b"".join(begin), value or b"", _encode_headers(record.headers)
    return varint(len(before) + len(value) + len(rest)), before, value, rest


def _encode_headers(headers: Headers) -> bytes:
    parts = [varint(len(headers))]
    for name, raw in headers:
        parts += (_header_name(name), varint(len(raw)), raw)
    return b"".join(parts)


@lru_cache(maxsize=256)
def _header_name(name: str) -> bytes:
    # The same eight names on every record: encoded once, 0.2 µs saved for each.
    raw = name.encode()
    return varint(len(raw)) + raw


def _varint(number: int) -> bytes:
    """Return a number of 32 bits as Kafka's zigzag varint."""
    rest = (number << 1) ^ (number >> 31)
    digits = bytearray()
    while rest > 0x7F:  # noqa: PLR2004 - seven bits a byte
        digits.append(rest & 0x7F | 0x80)
        rest >>= 7
    digits.append(rest)
    return bytes(digits)


# Nearly every length and place is small: looked up in 0.06 µs instead of encoded in 0.4.
_SMALL = tuple(map(_varint, range(2048)))


def varint(number: int) -> bytes:
    """Return a count or length as a varint."""
    return _SMALL[number] if number < len(_SMALL) else _varint(number)


_NULL = _varint(-1)
_ATTRIBUTES_AND_TIME = b"\0\0"  # no attributes exist; the time is the batch's own
