"""One heap for all threads, and its free pages given back, as the C library and the kernel tell."""

import asyncio
import platform
import subprocess
import sys
import threading

import pytest

from bus.runtime.memory import MemoryCare

only_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc has a heap a thread, and keeps free pages"
)

_THREADS = """
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
_BURST = """
from pathlib import Path
from bus.runtime.memory import trim_heap

def resident_kb():
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0])

held = [bytearray(4000) for _ in range(10_000)]
stays = held[-1]
del held
before_kb = resident_kb()
trim_heap()
print(before_kb - resident_kb())
"""

_SPARED = """
import gc
from bus.runtime.memory import spare_collector

stays = [[] for _ in range(1000)]
spare_collector()
print(gc.get_freeze_count() >= 1000, gc.get_threshold()[0])
"""

_STARTING = """
import gc, sys
from inferbus.cli import main

sys.argv[1:] = ["--version"]
try:
    main()
except SystemExit:
    print(gc.get_threshold()[0], file=sys.stderr)
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of its own to its end."""
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def heaps(how: str) -> int:
    """Return how many heaps a process with some threads has."""
    said = run(_THREADS, how).stderr
    return said.count("\nArena ") + said.startswith("Arena ")


@only_glibc
def test_threads_share_one_heap() -> None:
    assert heaps("shared") == 1
    assert heaps("as it comes") > 1


@only_glibc
def test_free_pages_go_back_although_something_behind_them_stays() -> None:
    given_back_kb = int(run(_BURST).stdout)
    assert given_back_kb > 30_000  # of 40,000 kB


def test_it_gives_back_again_and_again_until_it_is_stopped() -> None:
    trimmed = threading.Semaphore(0)
    care = MemoryCare(trimmed.release, every_s=0.0)
    asyncio.run(care.start())
    assert trimmed.acquire(timeout=30)
    assert trimmed.acquire(timeout=30)
    asyncio.run(care.stop())


def test_what_has_started_is_never_looked_through_for_garbage() -> None:
    assert run(_SPARED).stdout.split() == ["True", "10000"]


def test_nor_is_it_looked_through_each_700_objects_while_it_starts() -> None:
    assert run(_STARTING).stderr.split() == ["10000"]
