"""Which partition a record goes to: Kafka's own choice, made by us so that every client agrees."""

import itertools
import struct

_MASK = 0xFFFFFFFF
_MIX = 0x5BD1E995
_SEED = 0x9747B28C


def murmur2(data: bytes) -> int:
    """Return the 32-bit murmur2 hash that Apache Kafka's default partitioner uses, unsigned."""
    length = len(data)
    state = _SEED ^ length
    whole = length & ~3
    for given in struct.unpack_from(f"<{whole // 4}I", data):
        word = given * _MIX & _MASK
        state = (state * _MIX ^ (word ^ (word >> 24)) * _MIX) & _MASK
    if tail := data[whole:]:
        state = (state ^ int.from_bytes(tail, "little")) * _MIX & _MASK
    state = (state ^ (state >> 13)) * _MIX & _MASK
    return state ^ (state >> 15)


def partition_of_key(key: bytes, partitions: int) -> int:
    """Return the partition of a key, the same that Kafka's Java and C clients choose."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


class Partitioner:
    """Chooses by key; records without one go round the partitions."""

    def __init__(self) -> None:
        self._turn = itertools.count()

    def choose(self, key: bytes | None, partitions: int) -> int:
        """Return the partition for a record of a topic with so many partitions."""
        if key is None:
            return next(self._turn) % partitions
        return partition_of_key(key, partitions)
