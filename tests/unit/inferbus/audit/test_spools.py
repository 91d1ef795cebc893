"""What an audit says of spools: entries are listed, only damage is a difference."""

from pathlib import Path

from inferbus.audit.spools import MAX_LISTED, spool_contents
from ingest.spool.contents import SUFFIX
from ingest.spool.frames import HEAD_BYTES
from ingest.spool.lock import sub_spool
from ingest.spool.spool import Ref, Spool
from tests.support.spooling import record

MIB = 1 << 20


async def fill(folder: Path, count: int = 3) -> None:
    spool = Spool(folder, 32 * MIB)
    await spool.open()
    for number in range(count):
        await spool.append(record(number), f"e{number}", "sha")
    spool.refuse(Ref(1), "too large")
    await spool.close()


def segment(folder: Path) -> Path:
    [file] = sub_spool(folder, 0).glob(f"*{SUFFIX}")
    return file


async def test_entries_are_counted_and_listed(tmp_path: Path) -> None:
    await fill(tmp_path)

    told = spool_contents([tmp_path, tmp_path / "none"])

    assert (told.waiting, told.set_aside, told.damaged) == (2, 1, [])
    assert [entry["event_id"] for entry in told.as_json()["entries"]] == ["e0", "e1", "e2"]


async def test_a_long_list_is_cut_and_the_count_is_not(tmp_path: Path) -> None:
    await fill(tmp_path, MAX_LISTED + 5)

    told = spool_contents([tmp_path])

    assert (told.waiting, len(told.entries)) == (MAX_LISTED + 4, MAX_LISTED)


async def test_a_torn_tail_is_no_difference(tmp_path: Path) -> None:
    """Every kill may leave one: it was never acknowledged."""
    await fill(tmp_path)
    file = segment(tmp_path)
    file.write_bytes(file.read_bytes()[:-1])

    assert spool_contents([tmp_path]).damaged == []


async def test_damage_is_a_difference(tmp_path: Path) -> None:
    """An acknowledged delivery may have lain there."""
    await fill(tmp_path)
    file = segment(tmp_path)
    data = bytearray(file.read_bytes())
    data[HEAD_BYTES + 2] ^= 1
    file.write_bytes(data)

    [found] = spool_contents([tmp_path]).damaged

    assert (found.what, file.name in found.detail) == ("spool", True)
