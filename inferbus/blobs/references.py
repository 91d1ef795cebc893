"""
Where references to blobs may lie: spools, topics, tables.

A reference flows from the spool over a topic to a table. Whoever looks in that order sees it
at one place at least, whatever moves meanwhile.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from bus.records import Record
from consumers.storage import queries
from ingest.spool.contents import DAMAGED_SUFFIX, SUFFIX, live_entries
from ingest.spool.lock import sub_spools
from schemas.codec import SchemaError, decode_event, decode_quarantined
from schemas.topics import TopicNames

_HASH = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


@dataclass(frozen=True, slots=True)
class Referred:
    """A blob that something refers to, and what does."""

    sha256: str
    where: str
    event_id: str | None


def in_record(record: Record, names: TopicNames) -> str | None:
    """Return the hash of the blob that an event or a quarantined delivery refers to, or None."""
    try:
        if record.topic == names.of("quarantine"):
            ref = decode_quarantined(record.value or b"", record.headers).payload_ref
        else:
            ref = decode_event(record.value or b"").payload_ref
    except SchemaError:
        return None
    return None if ref is None else ref.sha256


def in_spools(folders: Iterable[Path], names: TopicNames) -> Iterator[Referred]:
    """Yield what the live entries refer to; changes nothing."""
    for folder in _sub_spools(folders):
        for entry, _ in live_entries(folder):
            if (sha256 := in_record(entry.record, names)) is not None:
                yield Referred(sha256, f"spool {folder}", entry.event_id)


def in_tables(engine: Engine, names: TopicNames) -> Iterator[Referred]:
    """Yield what the rows refer to, parked records included."""
    for row in queries.references(engine):
        yield Referred(row.body_sha256, f"table {row.table}", row.event_id)
    for dead in queries.every_dead_letter(engine):
        letter = dead.letter()
        parked = Record(letter.topic, letter.key, letter.value, letter.headers)
        if (sha256 := in_record(parked, names)) is not None:
            yield Referred(sha256, "table dead_letters", dead.event_id)


def mentioned(record: Record) -> set[str]:
    """Return every hash that a record mentions anywhere: more than it refers to, never less."""
    found = set(_hashes(record.value or b""))
    for _, raw in record.headers:
        found.update(_hashes(raw))
    return found


def mentioned_in_spools(folders: Iterable[Path]) -> set[str]:
    """Return every hash that stands in the spools' files, damaged and released entries too."""
    found: set[str] = set()
    for folder in _sub_spools(folders):
        for path in sorted(folder.iterdir()):
            if path.suffix in (SUFFIX, DAMAGED_SUFFIX):
                found.update(_hashes_in(path))
    return found


def mentioned_in_tables(engine: Engine) -> set[str]:
    """Return every hash that the rows refer to, or that a parked record mentions."""
    found = {row.body_sha256 for row in queries.references(engine)}
    for dead in queries.every_dead_letter(engine):
        letter = dead.letter()
        found |= mentioned(Record(letter.topic, letter.key, letter.value, letter.headers))
    return found


def _sub_spools(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sub_spools(folder)


def _hashes_in(path: Path) -> Iterator[str]:
    try:
        return _hashes(path.read_bytes())
    except FileNotFoundError:  # released meanwhile: its records are on the topics by now
        return iter(())


def _hashes(raw: bytes) -> Iterator[str]:
    return (found.decode() for found in _HASH.findall(raw))
