"""Draining spools that nobody looks after, as a command does it."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bus.blobs import open_blobs
from bus.protocols import Publisher
from bus.runtime.settings import Settings
from inferbus.errors import ProblemError
from inferbus.output import emit, emit_json, progress, say
from inferbus.questions import open_bus
from inferbus.spool.emptying import Emptied, Emptying, KafkaAwayError
from inferbus.spool.rows import DRAIN_COLUMNS, drain_row
from ingest.spool.offload import Offload
from ingest.spool.spool import Ref, Spool
from schemas.topics import TopicNames


async def empty(settings: Settings, folders: Sequence[Path], *, set_aside: bool, json: bool) -> int:
    """Publish what no running process owns; return 1 where entries stay, else 0."""
    publisher = open_bus(settings).publisher("inferbus-drain")
    emptier = _Emptier(settings, publisher, json=json)
    try:
        for folder in folders:
            if folder.is_dir():
                await emptier.empty(folder, set_aside=set_aside)
    except KafkaAwayError as error:
        raise ProblemError(f"{emptier.summary()}; Kafka: {error}") from error
    finally:
        await asyncio.to_thread(publisher.close)
    if not json and emptier.kept:
        emit(emptier.kept, json, DRAIN_COLUMNS)
    say(emptier.summary())
    return 1 if emptier.kept else 0


class _Emptier:
    """Empties one spool after the other, and keeps the books of it."""

    def __init__(self, settings: Settings, publisher: Publisher, *, json: bool) -> None:
        self._prepare = Offload(open_blobs(settings.blobs_url), TopicNames(settings.topics.prefix))
        self._max_bytes = settings.spool.max_bytes
        self._publisher = publisher
        self._json = json
        self.published = 0
        self.kept: list[dict[str, Any]] = []

    async def empty(self, folder: Path, *, set_aside: bool) -> None:
        spool = Spool(folder, self._max_bytes, worker=None)
        refs = await spool.open()
        try:
            refs += spool.set_aside if set_aside else []
            with progress() as bar:
                task = bar.add_task("entries", total=len(refs))
                emptying = Emptying(spool, self._publisher, self._prepare)
                async for emptied in emptying.publish(refs):
                    self._note(emptied, spool.folder_of)
                    bar.advance(task)
        finally:
            await spool.close()

    def summary(self) -> str:
        return f"{self.published} published, {len(self.kept)} kept"

    def _note(self, emptied: Emptied, folder_of: Callable[[Ref], Path]) -> None:
        entry, at = emptied.entry, emptied.position
        result = "kept" if at is None else "published"
        row = drain_row(folder_of(emptied.ref), entry.event_id, entry.topic, result) | {
            "partition": at and at.partition,
            "offset": at and at.offset,
            "problem": emptied.problem,
        }
        if at is None:
            self.kept.append(row)
        else:
            self.published += 1
        if self._json:
            emit_json(row)
