"""
Python loads this first in a service whose PYTHONPATH names this folder: its spool's disk fails.

The file that `INFERBUS_TEST_DISK` names says how, from one call to the next: `sync-error`,
`slow-sync`, `read-only`. While it is not there the disk is sound. Whenever a sync has come
through, its moment is written beside that file, in unix seconds.
"""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SWITCH = Path(os.environ.get("INFERBUS_TEST_DISK", "/nonexistent"))
_SYNCS = _SWITCH.with_suffix(".syncs")
_SLOW_S = 0.5


def _fault() -> str:
    try:
        return _SWITCH.read_text().strip()
    except OSError:
        return ""


def _is_spool(file: int) -> bool:
    try:
        return Path(f"/proc/self/fd/{file}").readlink().suffix == ".seg"
    except OSError:
        return False


def _failing(real: Callable[..., Any], fault: str, code: int) -> Callable[..., Any]:
    def call(file: int, *rest: Any) -> Any:
        if _is_spool(file):
            said = _fault()
            if said == fault:
                raise OSError(code, os.strerror(code))
            if said == "slow-sync" and fault == "sync-error":
                time.sleep(_SLOW_S)
        return real(file, *rest)

    return call


def _noting(sync: Callable[[int], None]) -> Callable[[int], None]:
    def call(file: int) -> None:
        sync(file)
        if _is_spool(file):
            with _SYNCS.open("a") as syncs:
                syncs.write(f"{time.time()}\n")

    return call


def _opening(real: Callable[..., int]) -> Callable[..., int]:
    def call(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if str(path).endswith(".seg") and flags & os.O_CREAT and _fault() == "read-only":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(path, flags, *rest, **more)

    return call


os.fdatasync = _noting(_failing(os.fdatasync, "sync-error", errno.EIO))
os.write = _failing(os.write, "read-only", errno.EROFS)
os.ftruncate = _failing(os.ftruncate, "read-only", errno.EROFS)
os.open = _opening(os.open)
