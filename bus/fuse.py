"""A fuse against emptying a topic into the dead letter topic."""

from collections import deque
from dataclasses import dataclass

from bus.errors import BusError


class FuseBlownError(BusError):
    """So many records would be parked that the fault must lie with the consumer, not with them."""


@dataclass(frozen=True, slots=True)
class FuseLimits:
    """
    Over which share of the last `window` records, or how many within a minute, it blows.

    A schema that changed or a broken release poisons nearly every record; a few odd records
    stay far below both limits.
    """

    window: int = 100
    share: float = 0.5
    per_minute: int = 100


class DeadLetterFuse:
    """Counts settled and parked records. Time is passed in."""

    def __init__(self, limits: FuseLimits | None = None) -> None:
        self._limits = limits or FuseLimits()
        self._recent: deque[bool] = deque(maxlen=self._limits.window)
        self._parked_at: deque[float] = deque(maxlen=self._limits.per_minute)

    def handled(self, count: int) -> None:
        """Count records that were handled."""
        self._recent.extend([False] * min(count, self._limits.window))

    def check(self, now: float) -> None:
        """Raise `FuseBlownError` where parking one more record would be one too many."""
        limits = self._limits
        if len(self._parked_at) == limits.per_minute and now - self._parked_at[0] < 60:  # noqa: PLR2004 - a minute
            raise FuseBlownError(
                f"{limits.per_minute} records were parked within a minute: "
                "mend the consumer, then start it again"
            )
        if len(self._recent) == limits.window and sum(self._recent) > limits.share * limits.window:
            raise FuseBlownError(
                f"{sum(self._recent)} of the last {limits.window} records were parked: "
                "mend the consumer, then start it again"
            )

    def parked(self, now: float) -> None:
        """Count a record that was parked."""
        self._recent.append(True)
        self._parked_at.append(now)
