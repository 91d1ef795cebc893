"""What nothing refers to any more, and its way into the trash."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bus.blobs import BlobStore, StoredBlob
from bus.protocols import Admin
from inferbus.audit.compare import lag
from inferbus.audit.held import measure
from inferbus.errors import ProblemError
from schemas.topics import TopicNames

# A blob is put before its record is published: younger ones may be on their way.
MIN_AGE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of one blob that nothing refers to."""

    blob: StoredBlob
    is_moved: bool


def refuse_lag(admin: Admin, groups: Iterable[tuple[str, Sequence[str]]]) -> None:
    """
    Raise `ProblemError` while a group has not settled all that Kafka holds for it.

    What a group has not read may refer to blobs that no table knows of yet.
    """
    for group, topics in groups:
        extent = measure(admin, tuple(topics))
        if not extent.end:
            # Another cluster or prefix than the blobs': nothing there would refer to them.
            raise ProblemError(f"Kafka has none of the topics that {group} reads")
        behind = lag(extent.begin, extent.end, admin.committed(group))
        if behind:
            raise ProblemError(
                f"the group {group} is {behind} records behind: sweep once it has caught up"
            )


def reading_groups(prefix: str, names: TopicNames) -> list[tuple[str, Sequence[str]]]:
    """Return our groups and the topics that each of them reads."""
    return [(f"{prefix}-storage", names.stored), (f"{prefix}-alerting", names.alerted)]


def old_blobs(store: BlobStore, now: datetime) -> list[StoredBlob]:
    """Return the blobs that were last put more than a day ago. Raises `BlobStoreError`."""
    return [blob for blob in store.blobs() if now - blob.put_at > MIN_AGE]


def unreferenced(
    old: Iterable[StoredBlob], sources: Iterable[Callable[[], set[str]]]
) -> list[StoredBlob]:
    """Return the blobs that no source mentions; the sources are asked one after the other."""
    left = {blob.sha256: blob for blob in old}
    for source in sources:
        if left:
            for sha256 in source():
                left.pop(sha256, None)
    return sorted(left.values(), key=lambda blob: blob.put_at)


def discard(store: BlobStore, blobs: Iterable[StoredBlob], day: str) -> Iterator[Moved]:
    """Move the blobs to that day's trash; one that was put again meanwhile stays."""
    for blob in blobs:
        yield Moved(blob, store.discard(blob, day))
