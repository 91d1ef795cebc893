"""
How entries lie in a segment file: framed, checksummed, found again behind damage.

A frame is `tag, length, crc32c, payload`. Reading skips whatever does not check out and goes
on at the next tag, so that a flipped bit costs the entry it hit and no other. Each segment
has a random tag of its own: no body that somebody sends can pass for a frame.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from crc32c import crc32c

from bus.records import Record
from schemas.codec import Headers

TAG_BYTES = 8
_HEAD = struct.Struct(f">{TAG_BYTES}sII")
_LENGTH = struct.Struct(">I")
HEAD_BYTES = _HEAD.size


class Entry(msgspec.Struct, frozen=True, array_like=True, tag="e"):
    """
    One record that Kafka has not been proved to hold.

    `is_whole` where the value still holds a body that belongs into the blob store.
    """

    id: int
    topic: str
    key: bytes | None
    value: bytes
    headers: Headers
    event_id: str
    body_sha256: str
    appended_at: float
    is_whole: bool = False

    @property
    def record(self) -> Record:
        """The record to publish."""
        return Record(self.topic, self.key, self.value, self.headers)


class Release(msgspec.Struct, frozen=True, array_like=True, tag="r"):
    """The entries with these ids need not be published again."""

    ids: tuple[int, ...]


class Refusal(msgspec.Struct, frozen=True, array_like=True, tag="x"):
    """Kafka refused the entry for good: it is kept, and not published by itself."""

    id: int
    reason: str


Payload = Entry | Release | Refusal
_DECODER = msgspec.msgpack.Decoder(Payload)
_ENCODER = msgspec.msgpack.Encoder()


@dataclass(frozen=True, slots=True)
class Read:
    """One payload and where its frame lies."""

    payload: Payload
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Damage:
    """
    Bytes that are no sound frame.

    `is_torn` where they look like the beginning of a frame whose writing was cut short.
    """

    offset: int
    size: int
    is_torn: bool


def frame(tag: bytes, payload: Payload) -> bytes:
    """Return the bytes to append to the segment with this tag."""
    raw = _ENCODER.encode(payload)
    return _HEAD.pack(tag, len(raw), _checksum(len(raw), raw)) + raw


def read_frames(tag: bytes, data: bytes) -> Iterator[Read | Damage]:
    """Yield every sound frame, and the damage between and after them."""
    offset, damaged_from = 0, -1
    while offset < len(data):
        found = _read_one(tag, data, offset)
        if found is None:
            damaged_from = offset if damaged_from < 0 else damaged_from
            offset = _next_tag(tag, data, offset + 1)
            continue
        if damaged_from >= 0:
            yield Damage(damaged_from, offset - damaged_from, is_torn=False)
            damaged_from = -1
        yield found
        offset += found.size
    if damaged_from >= 0:
        is_torn = _is_torn(tag, data, damaged_from)
        yield Damage(damaged_from, len(data) - damaged_from, is_torn)


def read_at(tag: bytes, data: bytes) -> Payload | None:
    """Return the payload of the frame that `data` is, None where it does not check out."""
    found = _read_one(tag, data, 0)
    return None if found is None else found.payload


def _checksum(length: int, raw: bytes) -> int:
    checksum: int = crc32c(raw, crc32c(_LENGTH.pack(length)))
    return checksum


def _next_tag(tag: bytes, data: bytes, start: int) -> int:
    at = data.find(tag, start)
    return len(data) if at < 0 else at


def _is_torn(tag: bytes, data: bytes, offset: int) -> bool:
    if len(data) - offset < HEAD_BYTES:
        return tag.startswith(data[offset : offset + TAG_BYTES])
    found, length, _ = _HEAD.unpack_from(data, offset)
    return bool(found == tag) and offset + HEAD_BYTES + length > len(data)


def _read_one(tag: bytes, data: bytes, offset: int) -> Read | None:
    if offset + HEAD_BYTES > len(data):
        return None
    found, length, checksum = _HEAD.unpack_from(data, offset)
    start = offset + HEAD_BYTES
    if found != tag or start + length > len(data):
        return None
    raw = data[start : start + length]
    if _checksum(length, raw) != checksum:
        return None
    try:
        return Read(_DECODER.decode(raw), offset, HEAD_BYTES + length)
    except msgspec.MsgspecError:
        return None
