"""How often a source failed to authenticate lately, in bounded memory."""

from collections.abc import Callable
from dataclasses import dataclass

from ingest.remembered import Remembered

# A sender with a wrong secret shall see why; somebody who guesses shall get nowhere.
BURST = 100
PER_SECOND = 1.0
MAX_SOURCES = 10_000


@dataclass(slots=True)
class _Budget:
    left: float
    seen_at: float


class Failures:
    """
    A budget of failures for each source, refilled with time.

    The source that failed longest ago is forgotten where there are too many.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        burst: float = BURST,
        per_second: float = PER_SECOND,
        max_sources: int = MAX_SOURCES,
    ) -> None:
        self._clock = clock
        self._burst = burst
        self._per_second = per_second
        self._budgets = Remembered[str, _Budget](max_sources)

    def add(self, source: str) -> bool:
        """Count a failure; return whether the source has had too many."""
        budget = self._refilled(source)
        self._budgets.keep(source, budget)
        if budget.left < 1:
            return True
        budget.left -= 1
        return False

    def _refilled(self, source: str) -> _Budget:
        now = self._clock()
        budget = self._budgets.get(source)
        if budget is None:
            return _Budget(self._burst, now)
        gained = (now - budget.seen_at) * self._per_second
        return _Budget(min(self._burst, budget.left + gained), now)
