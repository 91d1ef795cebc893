"""What an ingress and its relay tell each other: msgpack behind its length, over a socket pair."""

import struct
from typing import Any, Generic, TypeVar

import msgspec

from bus.records import Record

_LENGTH = struct.Struct("!I")
_ENCODER = msgspec.msgpack.Encoder()
_Message = TypeVar("_Message")

Batch = list[tuple[int, Record]]
"""Entry ids and the records to publish, all that have gathered."""


class Failure(msgspec.Struct, array_like=True, frozen=True):
    """Why a record was not acknowledged, and the word it counts under in the metrics."""

    word: str
    reason: str


class Report(msgspec.Struct, array_like=True, frozen=True):
    """What became of records, by entry id; `problem` is why none gets through now, if so."""

    acknowledged: list[int]
    refused: dict[int, Failure]
    failed: dict[int, Failure]
    problem: str | None


def packed(message: Batch | Report) -> bytes:
    """Return the bytes to send."""
    raw = _ENCODER.encode(message)
    return _LENGTH.pack(len(raw)) + raw


class Inbox(Generic[_Message]):
    """Puts messages of one kind together from the parts in which they arrive."""

    def __init__(self, kind: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[_Message] = msgspec.msgpack.Decoder(kind)
        self._data = bytearray()

    def take(self, part: bytes) -> list[_Message]:
        """Return the messages that this part completes."""
        self._data += part
        found: list[_Message] = []
        begin = _LENGTH.size
        while begin <= len(self._data):
            (length,) = _LENGTH.unpack_from(self._data, begin - _LENGTH.size)
            if begin + length > len(self._data):
                break
            with memoryview(self._data) as view:
                found.append(self._decoder.decode(view[begin : begin + length]))
            begin += length + _LENGTH.size
        del self._data[: begin - _LENGTH.size]
        return found
