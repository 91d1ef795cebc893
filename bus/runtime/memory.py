"""What the C library is told about a long-running process' memory."""

import ctypes

_ARENA_MAX = -8
"""glibc's M_ARENA_MAX."""


def share_one_heap() -> bool:
    """
    Have all threads of this process share one heap; return whether the C library can.

    Call it before threads start. glibc gives each thread a heap of its own, and what a burst
    leaves free in one is of no use to the others: a consumer's first backlog took 8 MiB more for
    good, `up` with its fifteen threads 10. Python's own lock lets one thread allocate at a time
    anyway. Other C libraries have one heap already, or no such switch.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_ARENA_MAX, 1))
