"""
Bodies too large for a record: stored once under their SHA-256, referred to by URL.

Content-addressed, so that putting twice is harmless. Nothing is ever swept by itself: a blob
may be referenced from a lagging topic, a spool or a quarantine.
"""

from bus.blobs.directory import DirectoryBlobs
from bus.blobs.opening import open_blobs
from bus.blobs.store import (
    BlobMissingError,
    BlobStore,
    BlobStoreError,
    OpenBlob,
    StoredBlob,
    blob_name,
)

__all__ = [
    "BlobMissingError",
    "BlobStore",
    "BlobStoreError",
    "DirectoryBlobs",
    "OpenBlob",
    "StoredBlob",
    "blob_name",
    "open_blobs",
]
