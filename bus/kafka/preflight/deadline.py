"""How long one step of a probe may still take."""

import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Deadline:
    """A span of seconds that has begun."""

    span_s: float
    _began_at: float = field(default_factory=time.monotonic)

    def left_s(self) -> float:
        """Return the seconds left, never quite none: sockets take 0 for "do not block"."""
        return max(0.001, self._began_at + self.span_s - time.monotonic())
