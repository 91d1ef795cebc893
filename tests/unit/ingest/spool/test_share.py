"""Several workers on one spool: whose sub-spool is whose, and one limit for all."""

from pathlib import Path

import pytest

from ingest.spool.errors import SpoolFullError
from ingest.spool.lock import FolderLock, sub_spool
from ingest.spool.share import Sizes
from ingest.spool.spool import Ref, Spool
from tests.support.spooling import record

MIB = 1 << 20


async def append(spool: Spool, number: int, size: int = 10) -> Ref:
    return await spool.append(record(number, value=b"v" * size), f"e{number}", "sha")


async def left_behind(folder: Path, worker: int) -> None:
    """Leave one entry in the sub-spool of a worker that has ended."""
    spool = Spool(folder, MIB, worker, workers=8)
    await spool.open()
    await append(spool, worker)
    await spool.close()


async def test_the_sub_spool_of_a_worker_that_is_being_replaced_waits_for_it(
    tmp_path: Path,
) -> None:
    """Nobody holds it meanwhile; its replacement finds it free, with what it holds."""
    await left_behind(tmp_path, 1)
    neighbour = Spool(tmp_path, MIB, 0, workers=2)
    assert await neighbour.open() == []

    replacement = Spool(tmp_path, MIB, 1, workers=2)
    assert len(await replacement.open()) == 1

    await neighbour.close()
    await replacement.close()


async def test_fewer_workers_leave_nothing_behind(tmp_path: Path) -> None:
    """What was left by workers there are no more is taken by the first one who comes."""
    for worker in range(4):
        await left_behind(tmp_path, worker)

    spools = [Spool(tmp_path, MIB, worker, workers=2) for worker in range(2)]
    found = [len(await spool.open()) for spool in spools]

    assert found == [3, 1]
    for spool in spools:
        await spool.close()


async def test_what_an_ending_process_still_held_is_adopted_later(tmp_path: Path) -> None:
    """A service that is stopping may outlive the start of its successor."""
    await left_behind(tmp_path, 3)
    ending = FolderLock(sub_spool(tmp_path, 3))
    spool = Spool(tmp_path, MIB, 0, workers=2)
    assert await spool.open() == []
    assert await spool.adopt() == []

    ending.release()

    assert len(await spool.adopt()) == 1
    assert await spool.adopt() == []
    await spool.close()


async def test_the_limit_is_one_for_all_workers(tmp_path: Path) -> None:
    """Whoever fills it fills it for all; whoever drains it makes room for all."""
    sizes = Sizes.create(2)
    theirs = Sizes.opened(sizes.file, 2)
    one = Spool(tmp_path, MIB, 0, workers=2, others=lambda size: sizes.tell(0, size))
    other = Spool(tmp_path, MIB, 1, workers=2, others=lambda size: theirs.tell(1, size))
    await one.open()
    await other.open()
    refs = [await append(one, n, MIB // 4) for n in range(3)]
    assert one.failing() is None

    with pytest.raises(SpoolFullError):
        await append(other, 9, MIB // 2)

    await append(other, 9, MIB // 8)
    for ref in refs:
        one.release(ref)
    await one.close()  # says what it holds then
    await append(other, 10, MIB // 2)
    await other.close()


async def test_a_full_spool_names_the_bytes_of_all(tmp_path: Path) -> None:
    """The operator compares them with the setting."""
    spool = Spool(tmp_path, MIB, 0, workers=2, others=lambda _size: MIB)
    await spool.open()

    assert spool.failing() == f"the spool is full: it holds {MIB} of {MIB} bytes"

    await spool.close()
