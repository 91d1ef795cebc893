"""What `up` leaves in the data directory: the lock that keeps it alone, and `up.json`."""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import orjson

from bus.runtime.files import replace_durably
from inferbus.context import LOCK_FILE, UP_FILE
from inferbus.errors import ProblemError
from inferbus.files import make_private_dir


class UpLock:
    """
    Keeps a data directory to one `up`; the lock ends with the process, however that ends.

    A context manager; raises `ProblemError` where another `up` holds it.
    """

    # Other commands hold the lock for an instant when they look whether an `up` runs.
    def __init__(self, data_dir: Path, patience_s: float = 1.0) -> None:
        self._data_dir = data_dir
        self._patience_s = patience_s
        self._file = -1

    def __enter__(self) -> Self:
        make_private_dir(self._data_dir)
        self._file = os.open(self._data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._acquire()
        except BaseException:
            os.close(self._file)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def _acquire(self) -> None:
        ends_at = time.monotonic() + self._patience_s
        while not self._is_ours():
            if time.monotonic() > ends_at:
                raise ProblemError(
                    f"another `inferbus up` runs on {self._data_dir}:"
                    " stop it, or give this one a directory of its own with --data-dir"
                )
            time.sleep(0.05)

    def _is_ours(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class UpFile:
    """A part, the last one: writes `up.json` when all else runs, removes it on a clean stop."""

    name = "up.json"

    def __init__(
        self,
        data_dir: Path,
        content: Callable[[], dict[str, Any]],
        ready: Callable[[dict[str, Any]], None],
    ) -> None:
        self._path = data_dir / UP_FILE
        self._content = content
        self._ready = ready
        self._is_written = False

    async def start(self) -> None:
        """Write the file, then tell that all is ready."""
        self._ready(self.write())
        self._is_written = True

    def write(self) -> dict[str, Any]:
        """Write what holds now; return it."""
        content = self._content()
        replace_durably(self._path, orjson.dumps(content) + b"\n")
        return content

    def refresh(self) -> None:
        """Write what has changed since the start; nothing before it."""
        if self._is_written:
            self.write()

    async def stop(self) -> None:
        """Remove the file."""
        self._is_written = False
        self._path.unlink(missing_ok=True)
