"""How long to wait before the next try."""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """
    Doubling waits from `first_s` up to `longest_s`, each shortened by chance by up to half.

    The chance part keeps consumers that failed together from coming back together.
    """

    first_s: float = 0.2
    longest_s: float = 30.0

    def delay_s(self, attempt: int, chance: float) -> float:
        """Return the wait after the attempt-th failure in a row (from 0), `chance` in [0, 1)."""
        # 2**64 first waits are beyond any longest one; the bound keeps the float finite.
        whole = min(self.longest_s, self.first_s * 2.0 ** min(attempt, 64))
        return whole * (1 - chance / 2)


class Backoff:
    """Failures in a row, and the time before which nothing is tried. Time is passed in."""

    def __init__(
        self,
        policy: BackoffPolicy | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._policy = policy or BackoffPolicy()
        self._chance = chance
        self._failures = 0

    def failed(self, now: float) -> float:
        """Count a failure; return the time of the next try."""
        delay_s = self._policy.delay_s(self._failures, self._chance())
        self._failures += 1
        return now + delay_s

    def succeeded(self) -> None:
        """Begin with short waits again."""
        self._failures = 0
