"""The few calls by which a spool reaches its disk: what fails here is never acknowledged."""

import os
from pathlib import Path

from bus.runtime.files import sync_folder

# fdatasync leaves out times, which nobody needs; not every system has it.
_sync_data = getattr(os, "fdatasync", os.fsync)


class Disk:
    """The real disk. Every method raises OSError."""

    def create(self, path: Path) -> int:
        """Return the descriptor of a new file that will be found after a power loss."""
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            sync_folder(path.parent)
        except BaseException:
            os.close(file)
            path.unlink(missing_ok=True)
            raise
        return file

    def write(self, file: int, data: bytes) -> None:
        """Append all of it."""
        view = memoryview(data)
        while view:
            view = view[os.write(file, view) :]

    def sync(self, file: int) -> None:
        """Return once what was written is on the disk itself."""
        _sync_data(file)

    def cut(self, file: int, size: int) -> None:
        """Take back what lies beyond `size`."""
        os.ftruncate(file, size)

    def close(self, file: int) -> None:
        """Close the descriptor."""
        os.close(file)
