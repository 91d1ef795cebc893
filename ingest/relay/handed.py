"""What the relay was handed and has not answered for."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bus.records import Record

# Below what a publisher takes (10,000 records, 64 MiB): the rest is left to the drainer.
MAX_RECORDS = 9_000
MAX_BYTES = 56 << 20


class _Handed(NamedTuple):
    topic: str
    size: int
    at: float


class HandedOver:
    """Records by entry id, in the order they were handed over; times are in seconds."""

    def __init__(self, max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._handed: dict[int, _Handed] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._handed)

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be handed over now."""
        return len(self._handed) >= self._max_records or self._bytes >= self._max_bytes

    @property
    def oldest_at(self) -> float | None:
        """When the first that has no answer was handed over."""
        first = next(iter(self._handed.values()), None)
        return None if first is None else first.at

    def add(self, entry_id: int, record: Record, now: float) -> None:
        """Take note of one."""
        size = len(record.value or b"")
        self._handed[entry_id] = _Handed(record.topic, size, now)
        self._bytes += size

    def answered(self, entry_ids: Iterable[int], now: float) -> Mapping[str, list[float]]:
        """Forget these; return how long each took, by topic."""
        seconds = defaultdict[str, list[float]](list)
        for entry_id in entry_ids:
            if (handed := self._handed.pop(entry_id, None)) is not None:
                self._bytes -= handed.size
                seconds[handed.topic].append(now - handed.at)
        return seconds

    def take_all(self) -> list[int]:
        """Forget all; return their ids."""
        left = list(self._handed)
        self._handed.clear()
        self._bytes = 0
        return left
