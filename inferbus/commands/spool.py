"""`inferbus spool`: what waits on local disk for Kafka, and publishing what nobody looks after."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bus.runtime.settings import Settings
from inferbus.context import command_settings
from inferbus.errors import ProblemError
from inferbus.output import Column, emit, say
from inferbus.questions import is_embedded
from inferbus.spool.draining import empty
from inferbus.spool.folders import spool_folders
from inferbus.spool.rows import DRAIN_COLUMNS, damage_row, drain_row, entry_row, spool_row
from ingest.spool import inspection
from ingest.spool.inspection import Held, SubSpool

_ENTRY_COLUMNS: Sequence[Column | str] = [
    "spool",
    "state",
    "since",
    "event_id",
    "topic",
    Column("bytes", justify="right"),
    "reason",
]


def show(
    *,
    spools: Sequence[Path] = (),
    limit: int = 50,
    json: bool = False,
    data_dir: Path | None = None,
) -> int:
    """List what every sub-spool holds; 1 where bytes are damaged."""
    settings = command_settings(data_dir)
    found = inspection.inspected(spool_folders(settings, spools))
    counts = dict.fromkeys(("waiting", "set aside", "damaged", "torn"), 0)
    rows = _counted(_rows(found), counts)
    if json:
        emit(rows, json, _ENTRY_COLUMNS)
    else:
        _show_table(rows, limit)
        if found:
            emit([spool_row(at) for at in found], json, ["spool", "owner"])
    spools_there = "1 sub-spool" if len(found) == 1 else f"{len(found)} sub-spools"
    say(
        f"{spools_there}: {counts['waiting']} entries wait, {counts['set aside']} are set aside,"
        f" {counts['damaged']} places are damaged, {counts['torn']} torn"
    )
    return 1 if counts["damaged"] else 0


def _rows(found: Iterable[SubSpool]) -> Iterator[dict[str, Any]]:
    for at in found:
        yield from (damage_row(damaged) for damaged in inspection.damaged(at))
        yield from (entry_row(held) for held in inspection.held(at))


def _counted(rows: Iterable[dict[str, Any]], counts: dict[str, int]) -> Iterator[dict[str, Any]]:
    for row in rows:
        counts[row["state"]] += 1
        yield row


def _show_table(rows: Iterable[dict[str, Any]], limit: int) -> None:
    shown: list[dict[str, Any]] = []
    left_out = 0
    for row in rows:
        if len(shown) < limit:
            shown.append(row)
        else:
            left_out += 1
    if shown:
        emit(shown, False, _ENTRY_COLUMNS)
    if left_out:
        say(f"{left_out} more: --limit N or --json shows them")


def drain(
    *,
    spools: Sequence[Path] = (),
    set_aside: bool = False,
    yes: bool = False,
    json: bool = False,
    data_dir: Path | None = None,
) -> int:
    """Publish what no running ingest owns, or list it without `--yes`; 1 where entries stay."""
    settings = command_settings(data_dir)
    folders = spool_folders(settings, spools)
    _tell_owned(folders)
    if not yes:
        return _imagine(folders, set_aside=set_aside, json=json)
    if is_embedded(settings):
        raise ProblemError(
            "the embedded broker forgets what it acknowledges: `inferbus up` drains its own spool"
        )
    _refuse_unreachable(settings)
    return asyncio.run(empty(settings, folders, set_aside=set_aside, json=json))


def _tell_owned(folders: Sequence[Path]) -> None:
    for at in inspection.inspected(folders):
        if at.is_owned:
            say(f"{at.folder}: its ingest runs and drains it by itself")


def _imagine(folders: Sequence[Path], *, set_aside: bool, json: bool) -> int:
    left = [at for at in inspection.inspected(folders) if not at.is_owned]
    found = [held for at in left for held in inspection.held(at)]
    rows = [_imagined(held, is_meant=set_aside or held.refusal is None) for held in found]
    emit(rows, json, DRAIN_COLUMNS)
    count = sum(row["result"] == "would be published" for row in rows)
    say(
        f"{count} would be published, {len(rows) - count} stay set aside; --yes does it"
        + ("" if set_aside or count == len(rows) else ", --set-aside includes these")
    )
    return 0


def _imagined(held: Held, *, is_meant: bool) -> dict[str, Any]:
    result = "would be published" if is_meant else "set aside"
    return drain_row(held.sub_spool.folder, held.entry.event_id, held.entry.topic, result) | {
        "problem": held.refusal
    }


def _refuse_unreachable(settings: Settings) -> None:
    from inferbus.up_ground import refuse_unreachable

    refuse_unreachable(settings.kafka)
