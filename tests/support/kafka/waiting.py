"""Wait for something outside this process, with a deadline."""

import time
from collections.abc import Callable

from .errors import KafkaFixtureError

_PAUSE_S = 0.02


def wait_until(is_so: Callable[[], bool], what: str, *, timeout_s: float) -> None:
    """Return once `is_so` answers True; raise KafkaFixtureError about `what` if it never does."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() >= deadline:
            raise KafkaFixtureError(f"waited {timeout_s:g} s in vain: {what}")
        time.sleep(_PAUSE_S)
