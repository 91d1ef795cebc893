"""A database that is killed, locked, or full."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.conftest import DATABASE_DISK, HAS_SMALL_DISKS
from tests.faults.load import Sender
from tests.faults.report import full_form_only, scaled
from tests.faults.rows import row
from tests.faults.stored import read_stored
from tests.faults.system import Plan, System, running_system
from tests.support.kafka import KafkaCluster, why_no_small_disk
from tests.support.kafka import disk as small
from tests.support.postgres import PostgresServer, database

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(900)]


@pytest.mark.needs("postgres")
def test_f23_postgresql_dies_and_comes_back(one_node: KafkaCluster, tmp_path: Path) -> None:
    """Killed, restarted, away: the batch that was under way is redone, none is parked."""
    with PostgresServer() as server, database(server.url) as url:
        plan = Plan(database_url=url)
        with (
            running_system(tmp_path / "system", one_node.bootstrap_servers, plan) as system,
            row("F23", "PostgreSQL SIGKILL, restart, away", system, Sender(rate=100)) as run,
        ):
            for _ in range(int(scaled(1, 2))):
                server.kill()
                server.start()
                run.go_on(scaled(0.5, 5))
                server.stop()
                run.go_on(scaled(3, 20))
                server.start()
                run.go_on(scaled(0.5, 5))
            run.fault_is_over()
            assert "record_parked" not in system["storage"].log


def test_f25_sqlite_locked(one_node: KafkaCluster, system: System) -> None:
    """Another program holds the write lock for longer than we wait for it."""
    seconds = scaled(7, 20)
    with row("F25", f"SQLite write lock held {seconds:.0f} s", system, Sender(rate=80)) as run:
        file = system.folder / DATABASE_DISK / "inferbus.db"
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            run.go_on(seconds)
            other.execute("ROLLBACK")
        run.fault_is_over()
    _require_sound(file)


@pytest.mark.skipif(not HAS_SMALL_DISKS, reason=str(why_no_small_disk()))
def test_f25_sqlite_disk_full(one_node: KafkaCluster, system: System) -> None:
    """No byte left for the database: it waits, and goes on where it was."""
    disk = system.folder / DATABASE_DISK
    with row("F25", "SQLite's disk full", system, Sender(rate=80)) as run:
        small.fill(disk)
        run.go_on(scaled(3, 20))
        small.free(disk)
        run.fault_is_over()
    _require_sound(disk / "inferbus.db")


@full_form_only
def test_f25_sqlite_power_loss(one_node: KafkaCluster, system: System, tmp_path: Path) -> None:
    """
    What a power cut would leave, copied while both writers stand still: sound, and complete.

    Complete means: it holds all that was stored when the last offset had been committed.
    """
    times = int(scaled(2, 10))
    with row("F25", f"SQLite's files as a power cut leaves them x{times}", system) as run:
        for number in range(times):
            run.go_on(scaled(0.7, 2))
            before = {row.event_id for row in read_stored(system.database_url).events}
            copy = _copied_still(system, tmp_path / str(number))
            _require_sound(copy)
            assert before <= {row.event_id for row in read_stored(f"sqlite:///{copy}").events}
        run.fault_is_over()


def _copied_still(system: System, folder: Path) -> Path:
    """Freeze storage and alerting in the midst of whatever they write; copy what they wrote."""
    folder.mkdir()
    for name in ("storage", "alerting"):
        system[name].freeze()
    for suffix in ("", "-wal"):  # the index in shared memory is gone after a power cut
        file = system.folder / DATABASE_DISK / f"inferbus.db{suffix}"
        if file.exists():
            shutil.copy(file, folder / file.name)
    for name in ("storage", "alerting"):
        system[name].thaw()
    return folder / "inferbus.db"


def _require_sound(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
