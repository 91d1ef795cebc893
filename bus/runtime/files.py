"""Files that are there whole or not at all, after a power loss too; and who holds one."""

import fcntl
import os
import tempfile
from pathlib import Path


def replace_durably(path: Path, content: bytes) -> None:
    """Have the file hold this content, with mode 0600; raises OSError and leaves the old one."""
    temporary = write_beside(path, content)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_beside(path: Path, content: bytes) -> Path:
    """Return a new file with this content, on disk, in the same folder under a hidden name."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # of mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to disk: without it a rename may not outlive a power loss."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_locked(path: Path) -> bool:
    """Tell whether a running process holds the file's lock; a missing one is held by nobody."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
