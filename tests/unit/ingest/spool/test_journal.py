"""The journal and the spool on a real folder: durable before it returns, or an error."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.spool import journal as journal_module
from ingest.spool.contents import live_entries
from ingest.spool.disk import Disk
from ingest.spool.errors import SpoolError, SpoolFullError, SpoolInUseError
from ingest.spool.journal import Journal
from ingest.spool.lock import FolderLock, sub_spool
from ingest.spool.segments import Segments
from ingest.spool.spool import Ref, Spool
from tests.support.spooling import record

MIB = 1 << 20


class CountingDisk(Disk):
    """Counts syncs; refuses them while told to."""

    def __init__(self) -> None:
        self.syncs = 0
        self.fails = False

    def sync(self, file: int) -> None:
        if self.fails:
            raise OSError(5, "Input/output error")
        super().sync(file)
        self.syncs += 1


class FailsOnce(Disk):
    """Refuses one call out of all, by its number."""

    def __init__(self, number: int) -> None:
        self._left = number

    def create(self, path: Path) -> int:
        self._count()
        return super().create(path)

    def write(self, file: int, data: bytes) -> None:
        self._left -= 1
        if not self._left:
            super().write(file, data[: len(data) // 2])
            raise OSError(30, "Read-only file system")
        super().write(file, data)

    def sync(self, file: int) -> None:
        self._count()
        super().sync(file)

    def cut(self, file: int, size: int) -> None:
        raise OSError(30, "Read-only file system")

    def close(self, file: int) -> None:
        super().close(file)
        self._count()

    def _count(self) -> None:
        self._left -= 1
        if not self._left:
            raise OSError(5, "Input/output error")


class HangingDisk(Disk):
    """Syncs while `goes_on` is set, else waits until it is."""

    def __init__(self) -> None:
        self.hangs = threading.Event()
        self.goes_on = threading.Event()

    def sync(self, file: int) -> None:
        self.hangs.set()
        assert self.goes_on.wait(30)
        super().sync(file)


@pytest.fixture
def disk() -> CountingDisk:
    return CountingDisk()


@pytest.fixture
async def spool(tmp_path: Path, disk: CountingDisk) -> AsyncIterator[Spool]:
    spool = Spool(tmp_path, MIB, disk=disk)
    await spool.open()
    yield spool
    await spool.close()


async def append(spool: Spool, number: int, size: int = 10) -> Ref:
    return await spool.append(record(number, value=b"v" * size), f"e{number}", "sha")


def on_disk(folder: Path, worker: int = 0) -> list[str]:
    return [entry.event_id for entry, _ in live_entries(sub_spool(folder, worker))]


async def test_an_entry_is_on_disk_when_append_returns(spool: Spool, tmp_path: Path) -> None:
    await append(spool, 1)

    assert on_disk(tmp_path) == ["e1"]


async def test_those_who_wait_share_a_sync(spool: Spool, disk: CountingDisk) -> None:
    await asyncio.gather(*(append(spool, number) for number in range(200)))

    assert disk.syncs < 50


async def test_a_failed_sync_acknowledges_nobody(
    spool: Spool, disk: CountingDisk, tmp_path: Path
) -> None:
    """And is told, until a later one succeeds."""
    await append(spool, 1)
    disk.fails = True
    outcomes = await asyncio.gather(*(append(spool, n) for n in (2, 3)), return_exceptions=True)
    assert all(isinstance(outcome, SpoolError) for outcome in outcomes)
    assert "Input/output error" in (spool.failing() or "")

    disk.fails = False
    await append(spool, 4)

    assert spool.failing() is None
    assert on_disk(tmp_path) == ["e1", "e4"]


@pytest.mark.parametrize("number", range(1, 14))
async def test_whichever_call_fails_what_is_acknowledged_is_on_disk(
    tmp_path: Path, number: int
) -> None:
    """And only whom the failing append held is refused; taking it back fails as well."""
    spool = Spool(tmp_path, MIB, disk=FailsOnce(number))
    await spool.open()
    acknowledged, refused = [], []
    for turn in range(6):
        names = [2 * turn, 2 * turn + 1]
        outcomes = await asyncio.gather(*(append(spool, n) for n in names), return_exceptions=True)
        for name, outcome in zip(names, outcomes, strict=True):
            (acknowledged if isinstance(outcome, Ref) else refused).append(f"e{name}")

    assert set(acknowledged) <= set(on_disk(tmp_path))
    assert len(refused) <= 2
    await spool.close()
    assert set(acknowledged) <= set(on_disk(tmp_path))


async def test_what_reaches_the_disk_after_its_caller_went_away_is_told(tmp_path: Path) -> None:
    """Else it would lie in the spool until a restart: nobody else knows of it."""
    disk, late = HangingDisk(), asyncio.Queue[Ref]()
    spool = Spool(tmp_path, MIB, disk=disk)
    spool.on_late = late.put_nowait
    await spool.open()
    appending = asyncio.create_task(append(spool, 1))
    await asyncio.to_thread(disk.hangs.wait, 30)
    appending.cancel()
    disk.goes_on.set()

    async with asyncio.timeout(30):
        ref = await late.get()

    assert [entry.event_id for entry in await spool.read([ref], MIB) if entry] == ["e1"]
    await spool.close()


async def test_an_entry_that_comes_at_the_moment_of_the_time_out_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: list[Ref] = []
    spool = Spool(tmp_path, MIB)
    spool.on_late = late.append
    await spool.open()
    succeed = journal_module.succeed

    def at_the_same_moment(future: "asyncio.Future[int]", entry_id: int) -> None:
        succeed(future, entry_id)
        appending.cancel()

    monkeypatch.setattr(journal_module, "succeed", at_the_same_moment)
    appending = asyncio.create_task(append(spool, 1))
    with pytest.raises(asyncio.CancelledError):
        await appending

    assert late == [Ref(1)]
    assert on_disk(tmp_path) == ["e1"]
    await spool.close()


async def test_a_disk_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it takes later is told, for its sender may not come again."""
    monkeypatch.setattr(journal_module, "APPEND_TIMEOUT_S", 0.0)
    disk, late = HangingDisk(), asyncio.Queue[Ref]()
    spool = Spool(tmp_path, MIB, disk=disk)
    spool.on_late = late.put_nowait
    await spool.open()

    with pytest.raises(SpoolError, match="does not answer"):
        await append(spool, 1)
    disk.goes_on.set()

    async with asyncio.timeout(30):
        assert await late.get() == Ref(1)
    await spool.close()


async def test_what_was_handed_over_in_the_last_turn_is_written_at_a_close(tmp_path: Path) -> None:
    """Appends and releases wait for the end of the turn; a close does not."""
    spool = Spool(tmp_path, MIB)
    await spool.open()
    ref = await append(spool, 1)
    running = asyncio.create_task(append(spool, 2))
    await asyncio.sleep(0)
    spool.release(ref)
    await spool.close()

    await running
    assert on_disk(tmp_path) == ["e2"]


async def test_a_disk_that_hangs_is_given_nothing_more(tmp_path: Path) -> None:
    """Whoever comes is refused at once, and it shows; with its answer all is well again."""
    disk, now = HangingDisk(), [0.0]
    journal = Journal(Segments(tmp_path, disk=disk), monotonic=lambda: now[0])
    await journal.open()
    first = asyncio.create_task(journal.append(record(1), "e1", "sha", room_bytes=MIB))
    await asyncio.to_thread(disk.hangs.wait, 30)
    now[0] = 3.0

    assert journal.failing() == "no answer for 3 s"
    with pytest.raises(SpoolError, match="hangs"):
        await journal.append(record(2), "e2", "sha", room_bytes=MIB)

    disk.goes_on.set()
    assert await first == 1
    assert journal.failing() is None
    assert await journal.append(record(3), "e3", "sha", room_bytes=MIB) == 2
    await journal.close()


async def test_a_release_that_the_disk_refused_is_made_up_for(
    spool: Spool, disk: CountingDisk, tmp_path: Path
) -> None:
    ref = await append(spool, 1)
    disk.fails = True
    spool.release(ref)
    with pytest.raises(SpoolError):
        await append(spool, 2)
    disk.fails = False

    await append(spool, 3)

    assert on_disk(tmp_path) == ["e3"]


async def test_a_full_spool_refuses_at_once(spool: Spool) -> None:
    await append(spool, 1, MIB - 2000)

    with pytest.raises(SpoolFullError, match="INFERBUS_SPOOL__MAX_BYTES"):
        await append(spool, 2, 2000)


async def test_released_room_is_used_again(spool: Spool) -> None:
    """Many times its limit goes through a spool."""
    for number in range(100):
        spool.release(await append(spool, number, 200_000))

    assert spool.entries <= 1


async def test_the_next_process_finds_what_waits(tmp_path: Path) -> None:
    first = Spool(tmp_path, MIB)
    await first.open()
    kept = [await append(first, number) for number in (1, 2, 3)]
    first.release(kept[0])
    first.refuse(kept[1], "too large")
    await first.close()

    second = Spool(tmp_path, MIB)
    waiting = await second.open()

    assert waiting == [kept[2]]
    assert (second.entries, second.refused) == (2, 1)
    (entry,) = await second.read(waiting, MIB)
    assert entry is not None
    assert (entry.event_id, entry.record) == ("e3", record(3, value=b"v" * 10))
    assert await append(second, 4) > kept[2]
    await second.close()


async def test_reading_stops_at_the_bytes_asked_for(spool: Spool) -> None:
    """But gives one entry, however large."""
    refs = [await append(spool, number, 1000) for number in range(3)]

    assert len(await spool.read(refs, 1)) == 1
    assert len(await spool.read(refs, 1500)) == 2


async def test_two_processes_do_not_share_a_spool(spool: Spool, tmp_path: Path) -> None:
    second = Spool(tmp_path, MIB)

    with pytest.raises(SpoolInUseError, match="another process uses the spool"):
        await second.open()


async def test_what_a_worker_left_is_adopted(tmp_path: Path) -> None:
    left = Spool(tmp_path, MIB, worker=3)
    await left.open()
    await append(left, 1)
    await left.close()

    spool = Spool(tmp_path, MIB, worker=0)
    (ref,) = await spool.open()
    spool.release(ref)
    await append(spool, 2)
    await spool.close()

    assert (on_disk(tmp_path, 3), on_disk(tmp_path, 0)) == ([], ["e2"])


async def test_a_worker_that_runs_keeps_its_spool(tmp_path: Path) -> None:
    running = FolderLock(sub_spool(tmp_path, 1))
    spool = Spool(tmp_path, MIB, worker=0)

    assert await spool.open() == []

    await spool.close()
    running.release()


async def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SpoolError, match="set INFERBUS_SPOOL__DIR"):
        await Spool(tmp_path / "file", MIB).open()


async def test_the_oldest_entry_is_known(spool: Spool) -> None:
    assert spool.oldest_at is None
    first = await append(spool, 1)
    since = spool.oldest_at
    await append(spool, 2)

    assert spool.oldest_at == since
    spool.release(first)
    await append(spool, 3)
    assert (spool.oldest_at or 0) > (since or 0)
