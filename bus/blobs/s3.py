"""
Blobs as objects of an S3-compatible bucket, through obstore.

Credentials, region and endpoint come from the usual AWS environment; the key needs to get,
put, list and, for sweeping, delete.
"""

import contextlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from bus.blobs.store import (
    BlobMissingError,
    BlobStoreError,
    OpenBlob,
    StoredBlob,
    blob_name,
    blob_of,
    trash_name,
)
from bus.runtime.settings_names import SettingsError
from schemas.event import PayloadRef

_PIECE_BYTES = 262_144
# A put takes no longer than its delivery may; what came too late is harmless.
_CLIENT = {"connect_timeout": "2s", "timeout": "30s"}
_RETRY = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
# No object can be touched, so one that is about to look old is written anew.
_REFRESH_AFTER = timedelta(hours=12)
# How long a request took stands in the middle of its error.
_DURATION = re.compile(r" in [\d.]+[µnm]?s\b")
# S3 says what is wrong in a body of XML, of which the first line is no news.
_CODE = re.compile(r"<Code>(\w+)</Code>")
_XML_HEAD = re.compile(r":? *<\?xml.*")


class S3Blobs:
    """Blobs as objects: `s3://<bucket>/<prefix>/<first two hex digits>/<sha256>`."""

    def __init__(self, bucket: str, prefix: str) -> None:
        """Raises `SettingsError` where the environment holds what cannot be used."""
        self._url = "/".join(["s3:/", bucket, *([prefix] if prefix else [])])
        # Only an AWS_ENDPOINT_URL that says http:// leads there: a store on the same host.
        client: Any = {**_CLIENT, "allow_http": True}
        retry: Any = _RETRY
        try:
            self._store = S3Store(
                bucket, prefix=prefix or None, client_options=client, retry_config=retry
            )
        except (BaseError, ValueError) as error:
            raise SettingsError(f"INFERBUS_BLOBS__URL: {_line(error)}") from error

    def put(self, body: bytes, sha256: str) -> PayloadRef:
        """Upload in one request, which the store keeps whole or not at all."""
        name = blob_name(sha256)
        with self._explained():
            there = self._head(name)
            if there is None or not _is_fresh(there, len(body)):
                self._upload(name, body)
        return PayloadRef(url=f"{self._url}/{name}", sha256=sha256, bytes=len(body))

    def get(self, sha256: str) -> bytes:
        """Download the object whole."""
        return b"".join(self.open(sha256).pieces)

    def open(self, sha256: str) -> OpenBlob:
        """Begin to download the object."""
        name = blob_name(sha256)
        with self._explained():
            try:
                found = obstore.get(self._store, name)
            except FileNotFoundError:
                self._require_bucket()
                raise BlobMissingError(f"no blob {self._url}/{name}") from None
        return OpenBlob(found.meta["size"], self._pieces(found))

    def has(self, sha256: str) -> bool:
        """Ask for the object's head."""
        try:
            name = blob_name(sha256)
        except BlobMissingError:
            return False
        with self._explained():
            if self._head(name) is not None:
                return True
            self._require_bucket()
            return False

    def blobs(self) -> Iterator[StoredBlob]:
        """List the bucket below the prefix."""
        with self._explained():
            for page in obstore.list(self._store):
                for found in page:
                    if (sha256 := blob_of(found["path"])) is not None:
                        yield StoredBlob(sha256, found["size"], found["last_modified"])

    def discard(self, blob: StoredBlob, day: str) -> bool:
        """Copy the object into the trash, look once more, delete it."""
        name = blob_name(blob.sha256)
        with self._explained():
            with contextlib.suppress(FileNotFoundError):
                obstore.copy(self._store, name, trash_name(blob.sha256, day))
            there = self._head(name)
            if there is None or there["last_modified"] != blob.put_at:
                return False
            obstore.delete(self._store, name)
        return True

    def _head(self, name: str) -> Any:
        try:
            return obstore.head(self._store, name)
        except FileNotFoundError:
            return None

    def _upload(self, name: str, body: bytes) -> None:
        try:
            obstore.put(self._store, name, body, use_multipart=False)
        except FileNotFoundError:
            raise BlobStoreError(f"there is no bucket for {self._url}") from None

    def _require_bucket(self) -> None:
        """Tell a missing bucket from a missing object: the answer to HEAD does not."""
        try:
            obstore.list_with_delimiter(self._store, ".bucket")
        except (BaseError, FileNotFoundError) as error:
            if _code(error) == "NoSuchBucket":
                raise BlobStoreError(f"there is no bucket for {self._url}") from None
            raise

    def _pieces(self, found: Any) -> Iterator[bytes]:
        with self._explained():
            for piece in found.stream(_PIECE_BYTES):
                yield bytes(piece)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            raise BlobStoreError(f"{self._url}: {_line(error)}") from error


def _is_fresh(there: Any, size: int) -> bool:
    age: timedelta = datetime.now(UTC) - there["last_modified"]
    return bool(there["size"] == size) and age < _REFRESH_AFTER


def _line(error: Exception) -> str:
    """Return the first line of what obstore says, the same for the same fault."""
    first = str(error).partition("\n")[0] or type(error).__name__
    code = _code(error)
    line = _XML_HEAD.sub(f": {code}" if code else "", _DURATION.sub("", first))
    return line[:300]


def _code(error: Exception) -> str | None:
    found = _CODE.search(str(error))
    return found[1] if found else None
