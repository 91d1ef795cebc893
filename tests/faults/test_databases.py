"""A database that is killed, locked, or full."""

import sqlite3
from pathlib import Path

import pytest

from tests.faults.load import Sender
from tests.faults.report import scaled
from tests.faults.rows import row
from tests.faults.system import Plan, System, running_system
from tests.support.kafka import KafkaCluster, why_no_small_disk
from tests.support.kafka import disk as small
from tests.support.postgres import PostgresServer, database, why_no_binaries

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(900)]


@pytest.mark.skipif(why_no_binaries() is not None, reason=str(why_no_binaries()))
def test_f23_postgresql_dies_and_comes_back(one_node: KafkaCluster, tmp_path: Path) -> None:
    """Killed, restarted, away: the batch that was under way is redone, none is parked."""
    with PostgresServer() as server, database(server.url) as url:
        plan = Plan(database_url=url)
        with (
            running_system(tmp_path / "system", one_node.bootstrap_servers, plan) as system,
            row("F23", "PostgreSQL SIGKILL, restart, away", system, Sender(rate=100)) as run,
        ):
            for _ in range(int(scaled(1, 5))):
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
    seconds = scaled(7, 30)
    with row("F25", f"SQLite write lock held {seconds:.0f} s", system, Sender(rate=80)) as run:
        with sqlite3.connect(system.folder / "inferbus.db", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            run.go_on(seconds)
            other.execute("ROLLBACK")
        run.fault_is_over()
    _require_sound(system.folder / "inferbus.db")


@pytest.mark.skipif(why_no_small_disk() is not None, reason=str(why_no_small_disk()))
def test_f25_sqlite_disk_full(one_node: KafkaCluster, tmp_path: Path) -> None:
    """No byte left for the database: it waits, and goes on where it was."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with small.small_disk(folder, 64):
        plan = Plan(database_url=f"sqlite:///{folder / 'inferbus.db'}")
        with (
            running_system(tmp_path / "system", one_node.bootstrap_servers, plan) as system,
            row("F25", "SQLite's disk full", system, Sender(rate=80)) as run,
        ):
            small.fill(folder)
            run.go_on(scaled(4, 30))
            small.free(folder)
            run.fault_is_over()
        _require_sound(folder / "inferbus.db")


def _require_sound(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
