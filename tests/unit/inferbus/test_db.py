"""`inferbus db`, on SQLite."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest


def test_without_tables_check_exits_1_and_says_what_to_do(cli: Any) -> None:
    ran = cli("db", "check")

    assert ran.status == 1
    assert "inferbus db upgrade" in ran.err


def test_upgrade_makes_the_tables_once(cli: Any) -> None:
    first = cli("db", "upgrade", "--json")
    second = cli("db", "upgrade", "--json")

    assert first.status == second.status == 0
    assert len(first.rows) >= 1
    assert second.rows == []
    assert cli("db", "check").status == 0


def test_the_database_is_ours_alone(cli: Any, tmp_path: Path) -> None:
    """It holds inference results."""
    cli("db", "upgrade", "--data-dir", "data")

    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / "inferbus.db").stat().st_mode & 0o077 == 0


def test_a_url_that_cannot_be_used_exits_2(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERBUS_STORAGE__URL", "oracle://me:hush@h/x")

    ran = cli("db", "upgrade")

    assert ran.status == 2
    assert "hush" not in ran.err


def test_questions_before_the_first_upgrade_say_what_to_do(cli: Any) -> None:
    """A newcomer who asks too early gets an answer, no traceback."""
    ran = cli("list")

    assert ran.status == 1
    assert ran.err.count("\n") == 1


def test_a_database_of_a_newer_version_is_named_once(cli: Any) -> None:
    cli("db", "upgrade")
    with closing(sqlite3.connect(".inferbus/inferbus.db")) as tables, tables:
        tables.execute("UPDATE alembic_version SET version_num = '9999'")

    for command in ("check", "upgrade"):
        ran = cli("db", command)
        assert ran.status == 1
        assert ran.err.count("inferbus.db") == 1
        assert "is at revision 9999" in ran.err
