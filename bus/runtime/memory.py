"""
What a long-running process holds of memory, kept near what it uses.

glibc gives each thread a heap of its own, and what a burst leaves free in one is of no use to the
others; and it gives a heap's free pages back from its end only, so that one small thing that
stays keeps megabytes below it. Other C libraries have no such switches, and need none.
"""

import ctypes
import gc
import threading
from collections.abc import Callable
from typing import Any

_ARENA_MAX = -8
"""glibc's M_ARENA_MAX."""
_TRIM_EVERY_S = 10.0
_YOUNG_OBJECTS = 10_000


def share_one_heap() -> bool:
    """
    Have all threads of this process share one heap; return whether the C library can.

    Call it before threads start. Python's own lock lets one thread allocate at a time anyway.
    """
    mallopt = _c_function("mallopt")
    return mallopt is not None and bool(mallopt(_ARENA_MAX, 1))


def collect_seldom() -> None:
    """
    Look for garbage less often than Python does.

    Called before a program imports what it needs: hundreds of thousands of objects that all stay.
    With Python's threshold of 700 looking for cycles among them takes a tenth of a start.
    """
    gc.set_threshold(_YOUNG_OBJECTS)


def spare_collector() -> None:
    """
    Leave what is there by now out of every collection of garbage, and collect less often.

    Called once everything has started. A delivery makes 30 objects that may be part of a cycle
    and are not: with Python's threshold of 700 looking for cycles takes 8 % of its time.
    """
    gc.freeze()
    collect_seldom()


def trim_heap() -> None:
    """Give the free pages of the heap back to the system: a millisecond, without Python's lock."""
    malloc_trim = _c_function("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _c_function(name: str) -> Any:
    try:
        return getattr(ctypes.CDLL(None), name, None)
    except (OSError, TypeError):  # a system without one C library for all
        return None


class MemoryCare:
    """A part: gives the free pages of the heap back every ten seconds."""

    name = "memory"

    def __init__(
        self, trim: Callable[[], None] = trim_heap, every_s: float = _TRIM_EVERY_S
    ) -> None:
        self._trim = trim
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    async def start(self) -> None:
        """Begin to give back."""
        self._thread.start()

    async def stop(self) -> None:
        """End it."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            self._trim()
