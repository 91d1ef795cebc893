"""`inferbus blobs`: whether references lead to their bytes, and what nothing refers to."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bus.blobs import BlobStore, StoredBlob, open_blobs
from bus.protocols import Admin, Bus
from bus.records import ReceivedRecord
from inferbus.audit.held import held_records, measure
from inferbus.blobs import references, sweep
from inferbus.blobs.check import BlobCheck
from inferbus.blobs.references import Referred
from inferbus.context import command_settings
from inferbus.output import Column, emit, emit_json, progress, say
from inferbus.questions import open_bus, open_storage
from inferbus.spool.folders import spool_folders
from schemas.topics import TopicNames

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from bus.runtime.settings import Settings

_PROBLEM_COLUMNS = ["problem", "sha256", "where", "event_id"]
_SWEPT_COLUMNS: Sequence[Column | str] = [
    "sha256",
    Column("bytes", justify="right"),
    "put_at",
    "result",
]


def check(
    *,
    tables_only: bool = False,
    spools: Sequence[Path] = (),
    json: bool = False,
    data_dir: Path | None = None,
) -> int:
    """Read every blob that something refers to; 1 where one is missing or has other bytes."""
    settings = command_settings(data_dir)
    names = TopicNames(settings.topics.prefix)
    store = open_blobs(settings.blobs_url)
    checked = BlobCheck()
    with open_storage(settings) as engine, progress() as bar:
        task = bar.add_task("references", total=None)
        for source in _sources(settings, engine, names, spools, tables_only=tables_only):
            checked.take(source, store, lambda count: bar.advance(task, count))
    return _report(checked, json=json)


def _sources(
    settings: "Settings",
    engine: "Engine",
    names: TopicNames,
    spools: Sequence[Path],
    *,
    tables_only: bool,
) -> Iterator[Iterator[Referred]]:
    if not tables_only:
        yield references.in_spools(spool_folders(settings, spools), names)
        yield _in_topics(open_bus(settings), names)
    yield references.in_tables(engine, names)


def _in_topics(bus: Bus, names: TopicNames) -> Iterator[Referred]:
    for record in _held(bus, names):
        if (sha256 := references.in_record(record, names)) is not None:
            at = record.position
            yield Referred(sha256, f"{at.topic}/{at.partition}@{at.offset}", record.header("ce_id"))


def _held(bus: Bus, names: TopicNames) -> Iterator[ReceivedRecord]:
    """Yield every record that Kafka holds now, on every topic that may refer to blobs."""
    with closing(bus.admin()) as admin:
        extent = measure(admin, names.stored)
        for batch in held_records(bus, extent, lambda: admin.begin_offsets(names.stored)):
            yield from batch


def _report(checked: BlobCheck, *, json: bool) -> int:
    told = checked.summary()
    if json:
        emit_json(told)
    elif told["problems"]:
        emit(told["problems"], False, _PROBLEM_COLUMNS)
    say(
        f"{told['references']} references to {told['blobs']} blobs followed:"
        f" {told['missing']} missing, {told['damaged']} with other bytes"
    )
    return 0 if told["is_sound"] else 1


def sweep_unreferenced(
    *,
    yes: bool = False,
    spools: Sequence[Path] = (),
    json: bool = False,
    data_dir: Path | None = None,
) -> int:
    """Move blobs that nothing refers to into the trash, or list them without `--yes`."""
    settings = command_settings(data_dir)
    names = TopicNames(settings.topics.prefix)
    store = open_blobs(settings.blobs_url)
    bus = open_bus(settings)
    groups = sweep.reading_groups(settings.kafka.group_prefix, names)
    with open_storage(settings) as engine, closing(bus.admin()) as admin, progress() as bar:
        task = bar.add_task("records", total=None)
        look = partial(bar.advance, task, 1)
        found = _found(store, admin, groups, _mentions(settings, engine, bus, names, spools, look))
    return _carry_out(store, found, yes=yes, json=json)


def _found(
    store: BlobStore,
    admin: Admin,
    groups: Sequence[tuple[str, Sequence[str]]],
    sources: Sequence[Callable[[], set[str]]],
) -> list[StoredBlob]:
    # Listed before the look for references: what is put later is in no list.
    old = sweep.old_blobs(store, datetime.now(UTC))
    sweep.refuse_lag(admin, groups)
    return sweep.unreferenced(old, sources)


def _mentions(
    settings: "Settings",
    engine: "Engine",
    bus: Bus,
    names: TopicNames,
    spools: Sequence[Path],
    look: Callable[[], None],
) -> list[Callable[[], set[str]]]:
    """Return where references may lie, in the order in which they move."""
    folders = spool_folders(settings, spools)
    return [
        lambda: references.mentioned_in_spools(folders),
        lambda: _mentioned_in_topics(bus, names, look),
        lambda: references.mentioned_in_tables(engine),
    ]


def _mentioned_in_topics(bus: Bus, names: TopicNames, look: Callable[[], None]) -> set[str]:
    found: set[str] = set()
    for record in _held(bus, names):
        look()
        found |= references.mentioned(record)
    return found


def _carry_out(store: BlobStore, found: list[StoredBlob], *, yes: bool, json: bool) -> int:
    day = datetime.now(UTC).date().isoformat()
    if yes:
        moved = sweep.discard(store, found, day)
        rows = [_row(it.blob, "moved" if it.is_moved else "kept") for it in moved]
    else:
        rows = [_row(blob, "would be moved") for blob in found]
    emit(rows, json, _SWEPT_COLUMNS)
    done = [row for row in rows if row["result"] != "kept"]
    size = sum(row["bytes"] for row in done)
    say(
        f"{len(done)} blobs with {size} bytes moved to .trash/{day}: delete that folder once"
        " nobody misses them"
        if yes
        else f"{len(done)} blobs with {size} bytes would be moved to the trash; --yes moves them"
    )
    return 0


def _row(blob: StoredBlob, result: str) -> dict[str, Any]:
    return {"sha256": blob.sha256, "bytes": blob.size, "put_at": blob.put_at, "result": result}
