"""What every blob store does; `tests/contract/test_blobs.py` holds each of them to it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas.event import PayloadRef

_SHA256 = re.compile(r"[0-9a-f]{64}")
TRASH = ".trash"


class BlobStoreError(Exception):
    """The store cannot be reached or refuses; trying again later may help."""


class BlobMissingError(BlobStoreError):
    """The store answers, and holds no such blob."""


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob in the store, and when it was last put."""

    sha256: str
    size: int
    put_at: datetime


@dataclass(frozen=True, slots=True)
class OpenBlob:
    """A blob being read: its size, and its bytes piece by piece. Read it to the end."""

    size: int
    pieces: Iterator[bytes]


class BlobStore(Protocol):
    """
    Keeps bytes by their SHA-256 in hex. Blocking: call it in a thread.

    Every method raises `BlobStoreError` where the store cannot be reached or refuses.
    """

    def put(self, body: bytes, sha256: str) -> PayloadRef:
        """
        Return the reference once the bytes are durable.

        A blob that was there already counts as put now, so that no sweep takes it away.
        """
        ...

    def get(self, sha256: str) -> bytes:
        """Return the bytes. Raises `BlobMissingError`."""
        ...

    def open(self, sha256: str) -> OpenBlob:
        """Begin to read. Raises `BlobMissingError`."""
        ...

    def has(self, sha256: str) -> bool:
        """Tell whether the blob is there."""
        ...

    def blobs(self) -> Iterator[StoredBlob]:
        """Yield every blob, in no order; what is in the trash is none."""
        ...

    def discard(self, blob: StoredBlob, day: str) -> bool:
        """
        Move a blob to that day's folder in the trash.

        Returns False where it was put again after `blob` was listed, and stays.
        """
        ...


def blob_name(sha256: str) -> str:
    """Return `<first two hex digits>/<sha256>`; raises `BlobMissingError` for other names."""
    # The hash comes from a record, which anybody with write access to a topic may have made.
    if not _SHA256.fullmatch(sha256):
        raise BlobMissingError("a blob is named by 64 hex digits")
    return f"{sha256[:2]}/{sha256}"


def blob_of(name: str) -> str | None:
    """Return the hash that a name such as `ab/ab12…` stands for, None for a name of no blob."""
    folder, _, sha256 = name.partition("/")
    is_blob = _SHA256.fullmatch(sha256) and folder == sha256[:2]
    return sha256 if is_blob else None


def trash_name(sha256: str, day: str) -> str:
    """Return where a blob lies in the trash."""
    return f"{TRASH}/{day}/{sha256}"
