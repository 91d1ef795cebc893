"""Time that a test rules."""

import threading

_PATIENCE_S = 10.0


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._was_read = threading.Event()

    def __call__(self) -> float:
        """Return the time."""
        self._was_read.set()
        return self.now

    def tick(self) -> None:
        """Go on a little; return once another thread has looked, however slow it is."""
        self._was_read.clear()
        self.now += 0.05
        self._was_read.wait(_PATIENCE_S)
