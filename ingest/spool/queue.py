"""Which entries are to be published next."""

import heapq
from collections.abc import Callable, Iterable

from ingest.spool.spool import Ref


class DrainQueue:
    """
    Entries that may be published, oldest first; one that failed by itself waits apart.

    So an entry whose topic is missing never heads the queue. Times are the clock's, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due: list[Ref] = []
        self._later: list[tuple[float, Ref]] = []
        self._queued: set[Ref] = set()

    def __len__(self) -> int:
        return len(self._queued)

    def add(self, refs: Iterable[Ref], delay_s: float = 0.0) -> None:
        """Take entries in, to be published after the delay; one that is in already stays."""
        for ref in refs:
            if ref in self._queued:
                continue
            self._queued.add(ref)
            if delay_s:
                heapq.heappush(self._later, (self._clock() + delay_s, ref))
            else:
                heapq.heappush(self._due, ref)

    def take(self, limit: int) -> list[Ref]:
        """Return up to `limit` due entries of one journal and forget them."""
        self._wake()
        taken: list[Ref] = []
        while len(taken) < limit and self._due:
            if taken and self._due[0].journal != taken[0].journal:
                break
            taken.append(heapq.heappop(self._due))
        self._queued.difference_update(taken)
        return taken

    def wait_s(self, longest_s: float) -> float:
        """Return how long nothing is due, `longest_s` at most."""
        if self._due:
            return 0.0
        if not self._later:
            return longest_s
        return min(longest_s, max(0.0, self._later[0][0] - self._clock()))

    def _wake(self) -> None:
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            heapq.heappush(self._due, heapq.heappop(self._later)[1])
