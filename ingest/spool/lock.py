"""One owner per sub-spool, for as long as its process lives."""

import fcntl
import os
import time
from collections.abc import Sequence
from pathlib import Path

from bus.runtime.files import is_locked
from ingest.spool.errors import SpoolInUseError

_LOCK_FILE = "lock"
_PREFIX = "w"
# Who only looks whether a sub-spool is owned holds its lock for an instant.
_TRIES = 5
_TRY_AGAIN_S = 0.01


class FolderLock:
    """Held from the making on; the kernel lets go of it with the process, however that ends."""

    def __init__(self, folder: Path) -> None:
        """Raise `SpoolInUseError` where somebody else holds it, OSError where it cannot be."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _acquire(self._file)
        except BlockingIOError:
            os.close(self._file)
            raise SpoolInUseError(
                f"another process uses the spool {folder}: stop it, or set INFERBUS_SPOOL__DIR"
            ) from None
        except BaseException:
            os.close(self._file)
            raise

    def release(self) -> None:
        """Let go of it; the file stays, for others may have opened it already."""
        os.close(self._file)


def is_owned(folder: Path) -> bool:
    """Tell whether a running process holds the sub-spool's lock."""
    return is_locked(folder / _LOCK_FILE)


def _acquire(file: int) -> None:
    for left in reversed(range(_TRIES)):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                raise
            time.sleep(_TRY_AGAIN_S)
        else:
            return


def sub_spool(spool: Path, worker: int) -> Path:
    """Return the folder of one worker's sub-spool."""
    return spool / f"{_PREFIX}{worker}"


def worker_of(folder: Path) -> int | None:
    """Return the number of the worker whose sub-spool this is, None where it names none."""
    number = folder.name.removeprefix(_PREFIX)
    return int(number) if number.isascii() and number.isdigit() else None


def sub_spools(spool: Path) -> Sequence[Path]:
    """Return the sub-spools there are."""
    return sorted(path for path in spool.glob(f"{_PREFIX}*") if path.is_dir())
