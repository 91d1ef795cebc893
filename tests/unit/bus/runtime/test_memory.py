"""One heap for all threads, as the C library itself tells it."""

import platform
import subprocess
import sys

import pytest

_PROGRAM = """
import ctypes, sys, threading
from bus.runtime.memory import share_one_heap

if sys.argv[1] == "shared":
    assert share_one_heap()
threads = [threading.Thread(target=bytearray, args=(5000,)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
ctypes.CDLL(None).malloc_stats()
"""


def heaps(how: str) -> int:
    """Return how many heaps a process with some threads has."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, how], capture_output=True, text=True, check=True
    )
    return done.stderr.count("\nArena ") + done.stderr.startswith("Arena ")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has a heap a thread")
def test_threads_share_one_heap() -> None:
    assert heaps("shared") == 1
    assert heaps("as it comes") > 1
