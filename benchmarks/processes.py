"""What the kernel knows of a process and its children: CPU time and memory."""

import contextlib
import os
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def cpu_s(pid: int) -> float:
    """Return the CPU seconds, user and system, that the process and its children have used."""
    return sum(_cpu_s(each) for each in tree(pid))


def rss_mb(pid: int) -> float:
    """Return the resident memory of the process and its children, in MiB."""
    return sum(_rss_bytes(each) for each in tree(pid)) / 1_048_576


def tree(pid: int) -> list[int]:
    """Return the process and everything that it has started and that still runs."""
    found = [pid]
    for each in found:  # it grows meanwhile
        found.extend(_children(each))
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    # A process may end while it is looked at.
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children.extend(int(word) for word in (task / "children").read_text().split())
    return children


def _cpu_s(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    # The second field is the program's name in parentheses and may hold anything.
    fields = stat.rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / _TICKS_PER_S


def _rss_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0
