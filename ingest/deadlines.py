"""Many things with equally much time each: one timer for all of them."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Deadlines(Generic[K]):
    """
    Calls `expire` for whatever is not done `after_s` seconds after it was added.

    A timer of its own for each stays in the loop's heap after it is cancelled: 6 to 20 µs a
    delivery. Here there is one, for whoever was added first. Used from one event loop.
    """

    def __init__(self, after_s: float, expire: Callable[[K], None]) -> None:
        self._after_s = after_s
        self._expire = expire
        self._due: dict[K, float] = {}  # in the order they are due
        self._timer: asyncio.TimerHandle | None = None

    def add(self, key: K) -> None:
        """Let its time begin, anew where it has begun already."""
        self._due.pop(key, None)
        loop = asyncio.get_running_loop()
        self._due[key] = due = loop.time() + self._after_s
        if self._timer is None:
            self._timer = loop.call_at(due, self._sweep, loop)

    def done(self, key: K) -> None:
        """Let it be; nothing happens where its time has not begun or is over."""
        self._due.pop(key, None)

    def __contains__(self, key: K) -> bool:
        return key in self._due

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what is due; come again for the first that is not."""
        now = loop.time()
        while self._due:
            key, due = next(iter(self._due.items()))
            if due > now:
                self._timer = loop.call_at(due, self._sweep, loop)
                return
            del self._due[key]
            self._expire(key)
        self._timer = None
