"""What was answered, and after how long."""

from array import array
from collections import Counter

from benchmarks.load.answers import is_spooled, status_of


class Tally:
    """Counts answers and keeps the latencies of the acknowledged ones."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.spooled = 0
        self.cut = 0
        self._latencies = array("d")

    def add(self, data: bytes, latency_s: float) -> None:
        """Count one answer."""
        status = status_of(data)
        self.answers[status] += 1
        if status.startswith("2"):
            self.spooled += is_spooled(data)
            self._latencies.append(latency_s)

    def percentiles_ms(self, *shares: float) -> list[float]:
        """Return latencies in milliseconds, such as 0.5 for the median and 1 for the longest."""
        ordered = sorted(self._latencies)
        if not ordered:
            return [0.0 for _ in shares]
        return [ordered[_rank(share, len(ordered))] * 1000 for share in shares]


def _rank(share: float, count: int) -> int:
    """Return the index of the least value that so large a share of all does not exceed."""
    return max(0, min(count - 1, -(-int(share * count * 1000) // 1000) - 1))
