"""A disk small enough to be filled by a test."""

import errno
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import KafkaFixtureError, KafkaUnavailableError

_FILLER = "filler"
_CAP_SYS_ADMIN = 1 << 21


@contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[None]:
    """Mount a tmpfs of `size_mb` on `folder`. Raises KafkaUnavailableError without root."""
    reason = why_no_small_disk()
    if reason:
        raise KafkaUnavailableError(reason)
    _run("mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=700", "inferbus-test", str(folder))
    try:
        yield
    finally:
        # Lazily: a killed broker's mapped files may live a moment longer.
        _run("umount", "-l", str(folder))


def why_no_small_disk() -> str | None:
    """Say in one line why no disk can be mounted here, or None."""
    if sys.platform != "linux" or shutil.which("mount") is None:
        return "filling a disk needs a tmpfs, so Linux"
    if not _may_mount():
        return "filling a disk needs root with the right to mount a small tmpfs"
    return None


def _may_mount() -> bool:
    # A container's root usually lacks CAP_SYS_ADMIN, so the user id says too little.
    status = Path("/proc/self/status").read_text()
    capabilities = int(status.split("CapEff:")[1].split()[0], 16)
    return bool(capabilities & _CAP_SYS_ADMIN)


def fill(folder: Path) -> None:
    """Write until there is no byte left; only ever onto a small disk."""
    if not folder.is_mount():
        raise KafkaFixtureError(
            f"{folder} is no disk of its own: ask for ClusterOptions(disk_mb=…)"
        )
    with (folder / _FILLER).open("ab", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(65536))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def free(folder: Path) -> None:
    """Give the space back that `fill` took."""
    (folder / _FILLER).unlink(missing_ok=True)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise KafkaUnavailableError(f"{command[0]} failed: {done.stderr.strip()}")
