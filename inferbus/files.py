"""Small private files, written whole or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path


def make_private_dir(path: Path) -> None:
    """Make the directory, readable by us alone; one that is there is left as it is."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Replace the file by one of mode 0600 with this content, durably."""
    temporary = _write_beside(path, content)
    temporary.replace(path)
    _sync_dir(path.parent)


def write_once(path: Path, content: bytes) -> bool:
    """Make the file as `write_private` does, unless it is there; tell whether it was made."""
    if path.exists():
        return False
    temporary = _write_beside(path, content)
    try:
        path.hardlink_to(temporary)  # unlike a rename it never replaces what another has made
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    _sync_dir(path.parent)
    return True


def _write_beside(path: Path, content: bytes) -> Path:
    # mkstemp makes files of mode 0600.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    return Path(name)


def _sync_dir(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
