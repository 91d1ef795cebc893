"""The blob store that a URL names."""

from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from bus.blobs.directory import DirectoryBlobs
from bus.blobs.store import BlobStore
from bus.runtime.settings_names import SettingsError


def open_blobs(url: str) -> BlobStore:
    """
    Return the store; nothing is connected yet.

    Raises `SettingsError` where no store has that scheme, or the environment lacks what the
    store needs.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        return DirectoryBlobs(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.hostname and not (parts.query or parts.username):
        return _s3(parts)
    problem = f"no blob store for {parts.scheme}://{parts.hostname or ''}"
    raise SettingsError(
        f"INFERBUS_BLOBS__URL: {problem if parts.scheme else 'it is no URL'}:"
        " use file:///an/absolute/path or s3://bucket/prefix"
    )


def _s3(parts: SplitResult) -> BlobStore:
    from bus.blobs.s3 import S3Blobs  # its library is loaded only where it is used

    return S3Blobs(parts.netloc, unquote(parts.path).strip("/"))
