"""All sub-spools of one process: its own to append to, left ones to drain."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import structlog

from bus.records import Record
from ingest.spool.contents import Contents
from ingest.spool.disk import Disk
from ingest.spool.errors import SpoolError, SpoolInUseError
from ingest.spool.frames import Entry
from ingest.spool.journal import Journal
from ingest.spool.lock import FolderLock, sub_spool, sub_spools, worker_of
from ingest.spool.segments import SEGMENT_BYTES, Segments
from ingest.spool.share import nothing_else

log = structlog.get_logger()


class Ref(NamedTuple):
    """Names an entry: which of the process' journals, and its id there; ordered by age there."""

    id: int
    journal: int = 0


class Spool:
    """
    The durable entries of this process. Used from one event loop.

    Sub-spools that no process holds and that are no running worker's are adopted: what a
    worker left behind is drained by another one.
    """

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        worker: int | None = 0,
        disk: Disk | None = None,
        *,
        workers: int = 1,
        others: Callable[[int], int] = nothing_else,
    ) -> None:
        """
        With `worker` None there is no spool of its own: what lies there is only drained.

        `max_bytes` limits all sub-spools together: `others` is told how much is in those of
        this process and says how much is in those of the others.
        """
        self._folder = folder
        self._max_bytes = max_bytes
        self._worker = worker
        self._workers = workers
        self._others = others
        self._disk = disk
        self._locks: list[FolderLock] = []
        self._journals: list[Journal] = []
        self._folders: list[Path] = []
        self.on_late: Callable[[Ref], object] = lambda _: None
        """Told of each entry that reached the disk after its caller was cancelled."""
        self.set_aside: list[Ref] = []
        """What Kafka had refused before the spool was opened."""

    async def open(self) -> list[Ref]:
        """
        Return the entries that wait to be published, each journal's oldest first.

        Raises `SpoolInUseError` where another process holds this worker's sub-spool, and
        `SpoolError` where the folder cannot be used.
        """
        try:
            return await self._open()
        except OSError as error:
            await self.close()
            raise SpoolError(
                f"cannot use the spool {self._folder}: {error.strerror or error};"
                " set INFERBUS_SPOOL__DIR"
            ) from error
        except BaseException:
            await self.close()
            raise

    @property
    def entries(self) -> int:
        """How many entries wait to be published or are set aside."""
        return sum(journal.entries for journal in self._journals)

    @property
    def refused(self) -> int:
        """How many of them are set aside."""
        return sum(journal.refused for journal in self._journals)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum([journal.size for journal in self._journals])  # asked for with each append

    @property
    def oldest_at(self) -> float | None:
        """Since when the oldest entry waits, unix seconds; None where none does."""
        ages = [journal.oldest_at for journal in self._journals]
        return min((at for at in ages if at is not None), default=None)

    def failing(self) -> str | None:
        """Return why an append would fail, None while it would not."""
        if not self._journals:
            return "the spool is not open"
        if (reason := self._journals[0].failing()) is not None:
            return f"the spool's disk refuses: {reason}"
        if (room_bytes := self._room_bytes()) <= 0:
            held = self._max_bytes - room_bytes
            return f"the spool is full: it holds {held} of {self._max_bytes} bytes"
        return None

    async def append(
        self, record: Record, event_id: str, body_sha256: str, *, is_whole: bool = False
    ) -> Ref:
        """Return once the record is on disk; raises `SpoolError`."""
        if not self._journals:
            raise SpoolError("the spool is not open")
        entry_id = await self._journals[0].append(
            record, event_id, body_sha256, room_bytes=self._room_bytes(), is_whole=is_whole
        )
        return Ref(entry_id)

    def release(self, ref: Ref) -> None:
        """Mark an entry as not to be published again."""
        self._journals[ref.journal].release(ref.id)

    def refuse(self, ref: Ref, reason: str) -> None:
        """Set an entry aside that Kafka would refuse again."""
        self._journals[ref.journal].refuse(ref.id, reason)

    def folder_of(self, ref: Ref) -> Path:
        """Return the sub-spool that holds the entry."""
        return self._folders[ref.journal]

    async def read(self, refs: Sequence[Ref], max_bytes: int) -> list[Entry | None]:
        """
        Return the first of these entries as far as they fit, one at least; None for what is gone.

        All of them must lie in the same journal.
        """
        return await self._journals[refs[0].journal].read([ref.id for ref in refs], max_bytes)

    async def close(self) -> None:
        """Write what was handed over, let go of the locks."""
        for journal in self._journals:
            await journal.close()
        self._room_bytes()
        for lock in self._locks:
            lock.release()
        self._locks.clear()

    async def adopt(self) -> list[Ref]:
        """
        Take the sub-spools that nobody holds or is to hold; return what waits in them.

        Those of the other running workers stay theirs, also while one of them is replaced;
        what is left over is from a time of more workers.
        """
        waiting: list[Ref] = []
        for left in sub_spools(self._folder):
            if left not in self._folders and not self._is_anothers(left):
                waiting += await self._adopt(left)
        self._room_bytes()
        return waiting

    async def _open(self) -> list[Ref]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        waiting: list[Ref] = []
        if self._worker is not None:
            waiting += await self._take(sub_spool(self._folder, self._worker))
        return waiting + await self.adopt()

    def _is_anothers(self, folder: Path) -> bool:
        if self._worker is None:
            return False
        number = worker_of(folder)
        return number is not None and number < self._workers and number != self._worker

    def _room_bytes(self) -> int:
        """Return how much may still be appended, and let the other workers know our size."""
        size = self.size
        return self._max_bytes - size - self._others(size)

    async def _adopt(self, folder: Path) -> list[Ref]:
        try:
            return await self._take(folder)
        except SpoolInUseError:
            return []  # its worker runs

    async def _take(self, folder: Path) -> list[Ref]:
        self._locks.append(FolderLock(folder))
        # A spool of few segments could be full of what is dead.
        segment_bytes = min(SEGMENT_BYTES, self._max_bytes // 16)
        journal = Journal(Segments(folder, segment_bytes, self._disk))
        found = await journal.open()
        journal.on_late = lambda entry_id: self.on_late(Ref(entry_id))  # only the first appends
        self._journals.append(journal)
        self._folders.append(folder)
        _tell(folder, found)
        number = len(self._journals) - 1
        self.set_aside += [Ref(i, number) for i in found.refusals]
        return [Ref(i, number) for i in found.places if i not in found.refusals]


def _tell(folder: Path, found: Contents) -> None:
    for path, damage in found.damage:
        if damage.is_torn:
            log.warning("spool_tail_torn", path=str(path), bytes=damage.size)
        else:
            log.error("spool_damaged", path=str(path), offset=damage.offset, bytes=damage.size)
    if found.places:
        log.info("spool_recovered", path=str(folder), entries=len(found.places))
