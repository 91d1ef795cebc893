"""Wait for something outside this process, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

from .errors import KafkaFixtureError

_PAUSE_S = 0.02
_Answer = TypeVar("_Answer")


def wait_until(ask: Callable[[], _Answer], what: str, *, timeout_s: float) -> _Answer:
    """Return the first answer that is true; raise KafkaFixtureError about `what` if none is."""
    deadline = time.monotonic() + timeout_s
    while not (answer := ask()):
        if time.monotonic() >= deadline:
            raise KafkaFixtureError(f"waited {timeout_s:g} s in vain: {what}")
        time.sleep(_PAUSE_S)
    return answer
