"""What a sub-spool's folder holds, read without changing anything."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ingest.spool.frames import (
    TAG_BYTES,
    Damage,
    Entry,
    Read,
    Refusal,
    Release,
    read_at,
    read_frames,
)

SUFFIX = ".seg"
# A segment in which something did not check out keeps its bytes under this name.
DAMAGED_SUFFIX = ".damaged"


class Place(NamedTuple):
    """Where a live entry lies, and since when."""

    segment: int
    offset: int
    size: int
    at: float


@dataclass(slots=True)
class SegmentFile:
    """One segment file: its tag, its bytes, and how many entries in it live."""

    path: Path
    tag: bytes
    size: int = 0
    live: int = 0
    is_damaged: bool = False


@dataclass(slots=True)
class Contents:
    """
    Segments by number, live entries by id with their places, refusals of live entries.

    `damage` names bytes that did not check out; `last_id` is the highest id ever mentioned.
    """

    segments: dict[int, SegmentFile] = field(default_factory=dict)
    places: dict[int, Place] = field(default_factory=dict)
    refusals: dict[int, str] = field(default_factory=dict)
    damage: list[tuple[Path, Damage]] = field(default_factory=list)
    last_id: int = 0

    def remember(self, entry_id: int, place: Place) -> None:
        """Take note of a live entry, or of the new place of one that was moved."""
        moved_from = self.places.get(entry_id)
        if moved_from is not None:
            self.segments[moved_from.segment].live -= 1
        self.places[entry_id] = place
        self.segments[place.segment].live += 1

    def forget(self, entry_id: int) -> Place | None:
        """Take note that an entry need not be published again; return where it lies."""
        place = self.places.pop(entry_id, None)
        self.refusals.pop(entry_id, None)
        if place is not None:
            self.segments[place.segment].live -= 1
        return place


def segment_name(number: int, tag: bytes) -> str:
    """Return the file name; the tag stands there so that damage inside cannot hit it."""
    return f"{number:012d}-{tag.hex()}{SUFFIX}"


def read_contents(folder: Path) -> Contents:
    """Read every segment in the order of writing; a file that vanishes meanwhile is left out."""
    contents = Contents()
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        number, tag = _parsed(path)
        if len(tag) == TAG_BYTES:
            _read_segment(contents, number, SegmentFile(path, tag))
    in_order = sorted(contents.places)
    contents.places = {entry_id: contents.places[entry_id] for entry_id in in_order}
    return contents


def read_entry(segment: SegmentFile, place: Place) -> Entry | None:
    """Return the entry that lies there, None where it does not check out. Raises OSError."""
    with segment.path.open("rb") as file:
        file.seek(place.offset)
        payload = read_at(segment.tag, file.read(place.size))
    return payload if isinstance(payload, Entry) else None


def read_damage(file: Path) -> list[Damage]:
    """Return what of a segment file, set aside or not, holds no sound frame; changes nothing."""
    number, tag = _parsed(file)
    if len(tag) != TAG_BYTES:
        return []
    contents = Contents()
    _read_segment(contents, number, SegmentFile(file, tag))
    return [damage for _, damage in contents.damage]


def live_entries(folder: Path) -> Iterator[tuple[Entry, str | None]]:
    """
    Yield each live entry, oldest first, with the reason where Kafka has refused it.

    Changes nothing, so it may run beside the process that owns the folder.
    """
    contents = read_contents(folder)
    for entry_id, place in contents.places.items():
        try:
            entry = read_entry(contents.segments[place.segment], place)
        except FileNotFoundError:  # its owner has dropped it by now
            continue
        if entry is not None:
            yield entry, contents.refusals.get(entry_id)


def _parsed(path: Path) -> tuple[int, bytes]:
    number, _, tag = path.stem.partition("-")
    try:
        return int(number), bytes.fromhex(tag)
    except ValueError:
        return 0, b""


def _read_segment(contents: Contents, number: int, segment: SegmentFile) -> None:
    try:
        data = segment.path.read_bytes()
    except FileNotFoundError:
        return
    except OSError:  # a bad disk block must not keep the other segments from being read
        segment.is_damaged = True
        contents.damage.append((segment.path, Damage(0, 0, is_torn=False)))
        data = b""
    segment.size = len(data)
    contents.segments[number] = segment
    for item in read_frames(segment.tag, data):
        if isinstance(item, Damage):
            segment.is_damaged = True
            contents.damage.append((segment.path, item))
        else:
            _apply(contents, number, item)


def _apply(contents: Contents, number: int, item: Read) -> None:
    match item.payload:
        case Entry() as entry:
            place = Place(number, item.offset, item.size, entry.appended_at)
            contents.last_id = max(contents.last_id, entry.id)
            contents.remember(entry.id, place)
        case Release(ids):
            contents.last_id = max((contents.last_id, *ids))
            for entry_id in ids:
                contents.forget(entry_id)
        case Refusal(entry_id, reason):
            if entry_id in contents.places:
                contents.refusals[entry_id] = reason
