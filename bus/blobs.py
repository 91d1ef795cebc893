"""
Bodies too large for a record: stored once under their SHA-256, referred to by URL.

Content-addressed, so that putting twice is harmless. Nothing is ever swept here: a blob may
be referenced from a lagging topic or a quarantine.
"""

import os
import re
import tempfile
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from bus.runtime.settings_names import SettingsError
from schemas.event import PayloadRef

_SHA256 = re.compile(r"[0-9a-f]{64}")


class BlobStoreError(Exception):
    """The store cannot be reached or refuses; trying again later may help."""


class BlobMissingError(BlobStoreError):
    """The store answers, and holds no such blob."""


class BlobStore(Protocol):
    """Keeps bytes by their SHA-256 in hex. Blocking: call it in a thread."""

    def put(self, body: bytes, sha256: str) -> PayloadRef:
        """Return the reference once the bytes are durable. Raises `BlobStoreError`."""
        ...

    def get(self, sha256: str) -> bytes:
        """Return the bytes. Raises `BlobMissingError`, `BlobStoreError`."""
        ...

    def has(self, sha256: str) -> bool:
        """Tell whether the blob is there. Raises `BlobStoreError`."""
        ...


class DirectoryBlobs:
    """Blobs as files: `<folder>/<first two hex digits>/<sha256>`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, body: bytes, sha256: str) -> PayloadRef:
        """Write a temporary file, sync it, rename it, sync the folder."""
        path = self._path(sha256)
        try:
            if not _is_whole(path, len(body)):
                _write_durably(path, body)
        except OSError as error:
            raise BlobStoreError(f"cannot write {path}: {error.strerror or error}") from error
        return PayloadRef(url=path.absolute().as_uri(), sha256=sha256, bytes=len(body))

    def get(self, sha256: str) -> bytes:
        """Read the file whole."""
        path = self._path(sha256)
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise BlobMissingError(f"no blob {path}") from error
        except OSError as error:
            raise BlobStoreError(f"cannot read {path}: {error.strerror or error}") from error

    def has(self, sha256: str) -> bool:
        """Look for the file."""
        try:
            if not self._folder.is_dir():
                raise BlobStoreError(f"the blob folder {self._folder} is not there")
            return self._path(sha256).is_file()
        except OSError as error:
            raise BlobStoreError(f"cannot look into {self._folder}: {error.strerror}") from error

    def _path(self, sha256: str) -> Path:
        # The hash comes from a record, which anybody with write access to a topic may have made.
        if not _SHA256.fullmatch(sha256):
            raise BlobMissingError("a blob is named by 64 hex digits")
        return self._folder / sha256[:2] / sha256


def open_blobs(url: str) -> BlobStore:
    """Return the store a URL names. Raises `SettingsError` where no store has that scheme."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return DirectoryBlobs(Path(unquote(parts.path)))
    raise SettingsError(
        f"INFERBUS_BLOBS__URL: no blob store for {parts.scheme}://: use file:///an/absolute/path"
    )


def _is_whole(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _write_durably(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to disk: without it a rename may not outlive a power loss."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
