"""Asking again while a cluster settles: what it answers in its first seconds passes by itself."""

import time
from collections.abc import Callable
from typing import TypeVar

from kafka import errors

from bus.backoff import Backoff, BackoffPolicy

# A controller or coordinator that is being chosen, or has just moved.
_PASSING = (
    errors.CoordinatorLoadInProgressError,
    errors.CoordinatorNotAvailableError,
    errors.LeaderNotAvailableError,
    errors.NotControllerError,
    errors.NotCoordinatorError,
    errors.NotLeaderForPartitionError,
)
# Electing them takes a new cluster a second or two, a fail-over 9 to 11 s by default.
PATIENCE_S = 15.0
_POLICY = BackoffPolicy(0.1, 1.0)

_Answer = TypeVar("_Answer")


class Settling:
    """Repeats a call for as long as the cluster says that it is not ready for it, in seconds."""

    def __init__(
        self,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._patience_s = patience_s
        self._clock = clock
        self._sleep = sleep

    def ask(self, call: Callable[[], _Answer]) -> _Answer:
        """Return the answer; raises what the call raises, a passing answer after the patience."""
        ends_at = self._clock() + self._patience_s
        backoff = Backoff(_POLICY)
        while True:
            try:
                return _plain(call)
            except _PASSING:
                next_at = backoff.failed(self._clock())
                if next_at > ends_at:
                    raise
                self._sleep(next_at - self._clock())


def _plain(call: Callable[[], _Answer]) -> _Answer:
    """Make the call; kafka-python 3.0.12 says a second NOT_CONTROLLER with a bare RuntimeError."""
    try:
        return call()
    except RuntimeError as error:
        if "controller" not in str(error):
            raise
        raise errors.NotControllerError(str(error)) from error
