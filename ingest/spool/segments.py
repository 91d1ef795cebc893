"""
The segment files of one sub-spool, for their one writer.

Segments are dropped from the oldest on, so a release never goes before the entry it releases;
an old segment that a few entries pin is freed by moving these to the newest.
"""

import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from ingest.spool.contents import (
    DAMAGED_SUFFIX,
    Contents,
    Place,
    SegmentFile,
    read_contents,
    read_entry,
    segment_name,
)
from ingest.spool.disk import Disk
from ingest.spool.frames import TAG_BYTES, Entry, Payload, Refusal, Release, frame

log = structlog.get_logger()

# Small enough to be freed soon, large enough that making one (a folder sync) is rare.
SEGMENT_BYTES = 8 << 20
# Dead bytes beyond so many segments are worth the writing that frees them.
_DEAD_SEGMENTS = 4


@dataclass(frozen=True, slots=True)
class Changes:
    """What is appended in one go."""

    entries: Sequence[Entry] = ()
    released: Sequence[int] = ()
    refused: Mapping[int, str] = field(default_factory=dict)


class Segments:
    """
    Appends, reads back, frees. One thread only, but for the counts.

    An OSError leaves the entries of that append unacknowledged and ends the segment: after a
    failed sync nobody knows what of it is on the disk.
    """

    def __init__(
        self, folder: Path, segment_bytes: int = SEGMENT_BYTES, disk: Disk | None = None
    ) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._disk = disk or Disk()
        self._held = Contents()
        self._order: deque[int] = deque()
        self._file: int | None = None
        self._active = 0
        self._live_bytes = 0
        self.size = 0
        """Bytes on disk."""

    @property
    def live(self) -> int:
        """How many entries wait or are set aside."""
        return len(self._held.places)

    @property
    def refused(self) -> int:
        """How many of them Kafka has refused."""
        return len(self._held.refusals)

    def recover(self) -> Contents:
        """Read what an earlier process left, and free what is not needed. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._held = read_contents(self._folder)
        self._active = max(self._held.segments, default=0)
        self._order.extend(self._held.places)
        self._live_bytes = sum(place.size for place in self._held.places.values())
        self._count()
        self._drop_dead()
        return self._held

    def append(self, changes: Changes) -> None:
        """
        Write the changes; entries are on the disk when this returns, releases soon after.

        Raises OSError; then nothing has changed, though entries may come back at a restart.
        """
        marks: list[Payload] = [Refusal(*refusal) for refusal in changes.refused.items()]
        if changes.released:
            marks.append(Release(tuple(changes.released)))
        self._store(changes.entries, marks)
        self._mark(changes)
        self._tidy()

    def read(self, entry_id: int) -> Entry | None:
        """Return a live entry; None where it was released, or no longer checks out."""
        place = self._held.places.get(entry_id)
        if place is None:
            return None
        segment = self._held.segments[place.segment]
        try:
            entry = read_entry(segment, place)
        except OSError as error:
            log.error("spool_read_failed", path=str(segment.path), reason=str(error))  # noqa: TRY400 - a bad disk is no bug
            entry = None
        if entry is None:
            segment.is_damaged = True
            log.error("spool_entry_damaged", path=str(segment.path), offset=place.offset)
            self._forget(entry_id)
        return entry

    def oldest_at(self) -> float | None:
        """Return since when the oldest live entry waits, unix seconds; None where none does."""
        places = self._held.places
        while self._order and self._order[0] not in places:
            self._order.popleft()
        return places[self._order[0]].at if self._order else None

    def close(self) -> None:
        """Stop writing; what lives stays on disk, what does not is removed."""
        self._close_active()
        self._drop_dead()

    def _store(self, entries: Sequence[Entry], marks: Sequence[Payload]) -> None:
        self._open_active()
        tag = self._held.segments[self._active].tag
        frames = [frame(tag, entry) for entry in entries]
        data = b"".join([*frames, *(frame(tag, mark) for mark in marks)])
        start = self._write(data, is_durable=bool(entries))
        for entry, raw in zip(entries, frames, strict=True):
            self._remember(entry.id, Place(self._active, start, len(raw), entry.appended_at))
            start += len(raw)

    def _remember(self, entry_id: int, place: Place) -> None:
        moved_from = self._held.places.get(entry_id)
        if moved_from is None:
            self._order.append(entry_id)
        else:
            self._live_bytes -= moved_from.size
        self._held.remember(entry_id, place)
        self._live_bytes += place.size

    def _forget(self, entry_id: int) -> None:
        place = self._held.forget(entry_id)
        self._live_bytes -= 0 if place is None else place.size

    def _mark(self, changes: Changes) -> None:
        for entry_id in changes.released:
            self._forget(entry_id)
        for entry_id, reason in changes.refused.items():
            if entry_id in self._held.places:
                self._held.refusals[entry_id] = reason

    def _open_active(self) -> None:
        if self._file is not None:
            if self._held.segments[self._active].size < self._segment_bytes:
                return
            self._close_active()
        tag = os.urandom(TAG_BYTES)
        path = self._folder / segment_name(self._active + 1, tag)
        self._file = self._disk.create(path)
        self._active += 1
        self._held.segments[self._active] = SegmentFile(path, tag)

    def _write(self, data: bytes, *, is_durable: bool) -> int:
        segment = self._held.segments[self._active]
        file = self._file
        assert file is not None  # noqa: S101 - _open_active() came before
        try:
            self._disk.write(file, data)
            if is_durable:
                self._disk.sync(file)
        except BaseException:
            self._give_up(file, segment)
            raise
        start = segment.size
        segment.size += len(data)
        self.size += len(data)
        return start

    def _give_up(self, file: int, segment: SegmentFile) -> None:
        """End a segment whose last write failed; what it held before is untouched."""
        try:
            self._disk.cut(file, segment.size)
        except OSError as error:
            log.error("spool_cut_failed", path=str(segment.path), reason=str(error))  # noqa: TRY400 - a bad disk is no bug
        self._close_active()
        if segment.size == 0:
            self._drop(self._active)

    def _tidy(self) -> None:
        active = self._held.segments[self._active]
        if not self._held.places and active.size >= self._segment_bytes // 8:
            self._close_active()
        self._drop_dead()
        dead = self.size - self._live_bytes
        if dead > max(self._live_bytes, _DEAD_SEGMENTS * self._segment_bytes):
            self._free_oldest()

    def _drop_dead(self) -> None:
        segments = self._held.segments
        while segments:
            oldest = next(iter(segments))
            if segments[oldest].live or (oldest == self._active and self._file is not None):
                return
            self._drop(oldest)

    def _drop(self, number: int) -> None:
        segment = self._held.segments.pop(number)
        self._count()
        try:
            if segment.is_damaged:
                segment.path.rename(segment.path.with_suffix(DAMAGED_SUFFIX))
            else:
                segment.path.unlink(missing_ok=True)
        except OSError as error:
            # Read again at the next start: what was released then comes twice, never less.
            log.error("spool_drop_failed", path=str(segment.path), reason=str(error))  # noqa: TRY400 - a bad disk is no bug

    def _count(self) -> None:
        self.size = sum(segment.size for segment in self._held.segments.values())

    def _free_oldest(self) -> None:
        """Move what lives in the oldest segment to the newest, so that it can be dropped."""
        oldest = next(iter(self._held.segments))
        if oldest == self._active:
            return
        moved = [i for i, place in self._held.places.items() if place.segment == oldest]
        entries = [entry for entry in map(self.read, moved) if entry is not None]
        refused = [Refusal(i, self._held.refusals[i]) for i in moved if i in self._held.refusals]
        try:
            self._store(entries, refused)
        except OSError as error:
            log.warning("spool_move_failed", reason=str(error))
        self._drop_dead()

    def _close_active(self) -> None:
        # Given up first: also a close that fails has closed it, and its number may be reused.
        file, self._file = self._file, None
        if file is None:
            return
        try:
            self._disk.close(file)
        except OSError as error:  # what was acknowledged was synced before
            log.warning("spool_close_failed", reason=str(error))
