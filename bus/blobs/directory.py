"""Blobs as files of one folder."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from bus.blobs.store import (
    BlobMissingError,
    BlobStoreError,
    OpenBlob,
    StoredBlob,
    blob_name,
    blob_of,
    trash_name,
)
from bus.runtime.files import replace_durably
from schemas.event import PayloadRef

_PIECE_BYTES = 262_144


class DirectoryBlobs:
    """Blobs as files: `<folder>/<first two hex digits>/<sha256>`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, body: bytes, sha256: str) -> PayloadRef:
        """Write a temporary file, sync it, rename it, sync the folder."""
        path = self._path(sha256)
        try:
            if not _is_refreshed(path, len(body)):
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                replace_durably(path, body)
        except OSError as error:
            raise BlobStoreError(f"cannot write {path}: {error.strerror or error}") from error
        return PayloadRef(url=path.absolute().as_uri(), sha256=sha256, bytes=len(body))

    def get(self, sha256: str) -> bytes:
        """Read the file whole."""
        return b"".join(self.open(sha256).pieces)

    def open(self, sha256: str) -> OpenBlob:
        """Open the file."""
        path = self._path(sha256)
        try:
            file = path.open("rb")
            return OpenBlob(os.fstat(file.fileno()).st_size, _pieces(file, path))
        except FileNotFoundError as error:
            self._require_folder()
            raise BlobMissingError(f"no blob {path}") from error
        except OSError as error:
            raise BlobStoreError(f"cannot read {path}: {error.strerror or error}") from error

    def has(self, sha256: str) -> bool:
        """Look for the file."""
        try:
            self._require_folder()
            return self._path(sha256).is_file()
        except BlobMissingError:
            return False
        except OSError as error:
            raise BlobStoreError(f"cannot look into {self._folder}: {error.strerror}") from error

    def blobs(self) -> Iterator[StoredBlob]:
        """List the folder; nothing else that lies in it is touched."""
        if not self._folder.exists():
            return  # nothing was put yet
        self._require_folder()
        try:
            for path in self._folder.glob("[0-9a-f][0-9a-f]/*"):
                if (sha256 := blob_of(f"{path.parent.name}/{path.name}")) is not None:
                    found = path.stat()
                    yield StoredBlob(sha256, found.st_size, _moment(found.st_mtime))
        except OSError as error:
            raise BlobStoreError(f"cannot list {self._folder}: {error.strerror}") from error

    def discard(self, blob: StoredBlob, day: str) -> bool:
        """
        Rename the file into the trash, and back where a put has touched it meanwhile.

        A put that comes later finds no file and writes one.
        """
        path = self._path(blob.sha256)
        trashed = self._folder / trash_name(blob.sha256, day)
        try:
            trashed.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.rename(trashed)
            if _moment(trashed.stat().st_mtime) == blob.put_at:
                return True
            trashed.rename(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise BlobStoreError(f"cannot move {path}: {error.strerror or error}") from error
        return False

    def _require_folder(self) -> None:
        if not self._folder.is_dir():
            raise BlobStoreError(f"the blob folder {self._folder} is not there")

    def _path(self, sha256: str) -> Path:
        return self._folder / blob_name(sha256)


def _is_refreshed(path: Path, size: int) -> bool:
    """Tell whether the whole blob is there, and have it count as put now."""
    try:
        if path.stat().st_size != size:
            return False
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _pieces(file: BinaryIO, path: Path) -> Iterator[bytes]:
    try:
        with file:
            while piece := file.read(_PIECE_BYTES):
                yield piece
    except OSError as error:
        raise BlobStoreError(f"cannot read {path}: {error.strerror or error}") from error
