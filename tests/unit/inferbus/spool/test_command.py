"""`inferbus spool`: what it lists and what it would do, without a Kafka."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bus.runtime.logs import configure_logs
from ingest.spool.contents import SUFFIX
from ingest.spool.frames import HEAD_BYTES
from ingest.spool.lock import FolderLock, sub_spool
from ingest.spool.spool import Ref, Spool
from tests.support.spooling import record

MIB = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The spool of the default data directory."""
    return tmp_path / ".inferbus" / "spool"


async def _fill(folder: Path, worker: int, refused: dict[int, str]) -> None:
    spool = Spool(folder, MIB, worker)
    await spool.open()
    for number in range(3):
        await spool.append(record(number, value=b"v" * 100), f"w{worker}-e{number}", "sha")
    for entry_id, reason in refused.items():
        spool.refuse(Ref(entry_id), reason)
    await spool.close()


def fill(folder: Path, worker: int = 0, **refused: str) -> None:
    """Three entries; `refused` names by `eN` those that Kafka will not take."""
    configure_logs("error", "json")  # not among the output of a command
    asyncio.run(_fill(folder, worker, {int(name[1:]) + 1: why for name, why in refused.items()}))


def segment(folder: Path, worker: int = 0) -> Path:
    [file] = sub_spool(folder, worker).glob(f"*{SUFFIX}")
    return file


def states(rows: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(row["state"], row["event_id"]) for row in rows]


def test_every_entry_of_every_worker_is_listed(cli: Any, folder: Path) -> None:
    fill(folder, 0, e1="too large")
    fill(folder, 1)

    ran = cli("spool", "list", "--json")

    assert ran.status == 0
    assert states(ran.rows)[:3] == [
        ("waiting", "w0-e0"),
        ("set aside", "w0-e1"),
        ("waiting", "w0-e2"),
    ]
    assert len(ran.rows) == 6
    refused = ran.rows[1]
    assert (refused["reason"], refused["bytes"], refused["owner"]) == ("too large", 100, "none")
    assert refused["since"].endswith("Z")
    assert "5 entries wait, 1 are set aside, 0 places are damaged, 0 torn" in ran.err


def test_people_see_a_table_cut_at_the_limit(cli: Any, folder: Path) -> None:
    fill(folder)

    ran = cli("spool", "list", "--limit", "1")

    assert "w0-e0" in ran.out
    assert "w0-e1" not in ran.out
    assert "2 more: --limit N or --json shows them" in ran.err


def test_no_spool_at_all_is_nothing_to_show(cli: Any) -> None:
    ran = cli("spool", "list", "--json")

    assert (ran.status, ran.out) == (0, "")


def test_beside_a_running_owner_nothing_is_taken_from_it(cli: Any, folder: Path) -> None:
    fill(folder)
    lock = FolderLock(sub_spool(folder, 0))

    listed = cli("spool", "list", "--json")
    drained = cli("spool", "drain", "--json")
    lock.release()

    assert {row["owner"] for row in listed.rows} == {"running"}
    assert drained.rows == []
    assert "its ingest runs and drains it by itself" in drained.err


def test_a_torn_tail_is_told_and_is_no_problem(cli: Any, folder: Path) -> None:
    """The write that was cut short was never acknowledged."""
    fill(folder)
    file = segment(folder)
    file.write_bytes(file.read_bytes()[:-5])

    ran = cli("spool", "list", "--json")

    assert ran.status == 0
    assert states(ran.rows) == [("torn", None), ("waiting", "w0-e0"), ("waiting", "w0-e1")]
    assert file.name in ran.rows[0]["reason"]


def test_damage_is_told_and_exits_1_also_once_it_was_set_aside(cli: Any, folder: Path) -> None:
    """The entry behind the flipped bit is lost, its bytes and the other entries are not."""
    fill(folder)
    file = segment(folder)
    data = bytearray(file.read_bytes())
    data[HEAD_BYTES + 3] ^= 1
    file.write_bytes(data)

    before = cli("spool", "list", "--json")
    asyncio.run(_release_all(folder))
    after = cli("spool", "list", "--json")

    assert (before.status, after.status) == (1, 1)
    assert states(before.rows) == [("damaged", None), ("waiting", "w0-e1"), ("waiting", "w0-e2")]
    assert states(after.rows) == [("damaged", None)]
    assert ".damaged" in after.rows[0]["reason"]


async def _release_all(folder: Path) -> None:
    spool = Spool(folder, MIB, worker=0)
    for ref in await spool.open():
        spool.release(ref)
    await spool.append(record(9), "e9", "sha")
    await spool.close()
    spool = Spool(folder, MIB, worker=0)
    for ref in await spool.open():
        spool.release(ref)
    await spool.close()


def test_drain_says_what_it_would_do(cli: Any, folder: Path) -> None:
    """And has done nothing of it."""
    fill(folder, 0, e1="too large")

    ran = cli("spool", "drain", "--json")
    with_refused = cli("spool", "drain", "--set-aside", "--json")

    assert [row["result"] for row in ran.rows] == [
        "would be published",
        "set aside",
        "would be published",
    ]
    assert "2 would be published, 1 stay set aside; --yes does it" in ran.err
    assert "3 would be published, 0 stay set aside" in with_refused.err
    assert len(cli("spool", "list", "--json").rows) == 3


def test_another_replica_s_spool_is_named_by_its_folder(cli: Any, tmp_path: Path) -> None:
    fill(tmp_path / "other")

    ran = cli("spool", "list", "--spool", str(tmp_path / "other"), "--json")

    assert len(ran.rows) == 3


@pytest.mark.parametrize("command", ["list", "drain"])
def test_a_named_folder_that_is_no_spool_is_refused(cli: Any, tmp_path: Path, command: str) -> None:
    """A typing error must not read as a spool with nothing in it."""
    (tmp_path / "home" / "documents").mkdir(parents=True)

    for name in ("nowhere", "home"):
        ran = cli("spool", command, "--spool", str(tmp_path / name))
        assert ran.status == 2
        assert f"--spool {tmp_path / name}: " in ran.err
        assert ran.err.count("\n") == 1


def test_a_spool_that_cannot_be_read_is_a_problem(
    cli: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is known of it: that is not the same as nothing in it."""
    fill(folder)
    monkeypatch.setattr("os.access", lambda *_: False)  # root may read everything

    ran = cli("spool", "list")

    assert ran.status == 1
    assert "cannot be read" in ran.err
